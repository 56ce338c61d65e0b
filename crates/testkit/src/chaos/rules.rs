//! What is broken at the moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use crate::wait;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server: requests.
    ToServer,
    /// From the server to the client: replies.
    ToClient,
    /// Both.
    Both,
}

/// What happens to bytes on one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Pass,
    Delay(Duration),
    Hold,
}

#[derive(Clone)]
pub(super) struct Rules {
    to_server: Flow,
    to_client: Flow,
    pub(super) cut: Option<Cut>,
    /// Connections of an earlier generation are reset.
    pub(super) generation: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            to_server: Flow::Pass,
            to_client: Flow::Pass,
            cut: None,
            generation: 0,
        }
    }
}

impl Rules {
    pub(super) fn heal(&mut self) {
        self.set(Direction::Both, Flow::Pass);
        self.cut = None;
    }

    pub(super) fn set(&mut self, direction: Direction, flow: Flow) {
        if direction != Direction::ToClient {
            self.to_server = flow;
        }
        if direction != Direction::ToServer {
            self.to_client = flow;
        }
    }

    /// Of one way.
    pub(super) fn flow(&self, way: Way) -> Flow {
        match way {
            Way::ToServer => self.to_server,
            Way::ToClient => self.to_client,
        }
    }
}

/// One way of a connection.
#[derive(Clone, Copy)]
pub(super) enum Way {
    ToServer,
    ToClient,
}

/// One reply that is to be lost.
#[derive(Clone)]
pub struct Cut {
    request: Arc<[u8]>,
    taken: Arc<AtomicBool>,
    done: Arc<watch::Sender<bool>>,
}

impl Cut {
    pub(super) fn new(request: &[u8]) -> Self {
        Self {
            request: request.into(),
            taken: Arc::default(),
            done: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Whether the reply was lost already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    /// Waits until the reply was lost.
    pub async fn done(&self) -> Result<()> {
        wait::until("the reply that is to be lost", || async {
            Ok(self.is_done().then_some(()))
        })
        .await
    }

    /// What the request has in it.
    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Whether this connection is the one whose reply is lost: the first that asks.
    pub(super) fn take(&self) -> bool {
        !self.taken.swap(true, Ordering::SeqCst)
    }

    pub(super) fn finish(&self) {
        self.done.send_replace(true);
    }
}
