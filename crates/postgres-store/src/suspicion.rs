//! Connections that may be dead without saying so.
//!
//! A server that is cut off without a word (a partition, a black hole) never answers and never refuses. The pool would wait
//! without end for such a connection when it is given back. So whenever work on a connection was given up in the middle, the
//! connections that come back shortly after are asked, in bounded time, whether they live and whether their server still
//! takes writes; those that do not answer are closed. In good times nothing is asked.
//!
//! Not caught: a connection that is on its way back at the very moment when the network goes silent. The pool itself asks such
//! a one, without a limit, so its place is lost until the network is back or the system's TCP gives up (`tcp_retries2`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::PgConnection;

/// How long after trouble connections are asked.
const PERIOD: Duration = Duration::from_secs(30);
/// How long a connection may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Whether there was trouble lately. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    start: Instant,
    /// Milliseconds after `start` until which connections are asked.
    until: Arc<AtomicU64>,
}

impl Suspicion {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            until: Arc::new(AtomicU64::new(0)),
        }
    }

    fn millis(&self, after: Duration) -> u64 {
        u64::try_from((self.start.elapsed() + after).as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn raise(&self) {
        self.until.fetch_max(self.millis(PERIOD), Ordering::SeqCst);
    }

    fn is_raised(&self) -> bool {
        self.until.load(Ordering::SeqCst) > self.millis(Duration::ZERO)
    }

    /// Whether a connection that comes back may be used again.
    pub(crate) async fn clears(&self, connection: &mut PgConnection) -> sqlx::Result<bool> {
        if !self.is_raised() {
            return Ok(true);
        }
        let asked = crate::connect::takes_writes(connection);
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(answer) => answer,
            Err(late) => Err(sqlx::Error::Io(late.into())),
        }
    }
}

/// Raises the suspicion unless the work was finished.
pub(crate) struct Unfinished<'s>(Option<&'s Suspicion>);

impl<'s> Unfinished<'s> {
    pub(crate) fn new(suspicion: &'s Suspicion) -> Self {
        Self(Some(suspicion))
    }

    pub(crate) fn finished(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(suspicion) = self.0 {
            suspicion.raise();
        }
    }
}
