//! Clients that do not read. hyper asks a reply for its next piece only when there is room for it, so neither the reply's own
//! deadline nor the end of the process reaches one that nobody takes: it would keep its source, and a place at the service
//! behind it, for as long as its client likes.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::lifecycle::Lifecycle;

/// How long a client may leave its reply unread once the service drains.
pub(super) const AT_THE_END: Duration = Duration::from_secs(3);

tokio::task_local! {
    /// The reply that this task sends. One at a time: a task is an HTTP/1.1 connection or one stream of HTTP/2.
    static SENT: Sent;
}

#[derive(Default)]
struct Sent {
    /// Whether the next step is the client's: it has to take what is there.
    unread: Cell<bool>,
    steps: Cell<u64>,
}

/// Notes that the reply took a step, and whether the next one is the client's.
pub(super) fn step(unread: bool) {
    let _ = SENT.try_with(|sent| {
        sent.unread.set(unread);
        sent.steps.set(sent.steps.get().wrapping_add(1));
    });
}

/// Does work that sends replies, until it ends or its client has left a reply unread for so long.
pub(super) async fn while_read(
    work: impl Future<Output = ()>,
    patience: Duration,
    lifecycle: Lifecycle,
) {
    let watched = async {
        tokio::select! {
            // First, so that what it did last is known when the other is asked.
            biased;
            () = work => {}
            () = left_unread(patience, &lifecycle) => {
                let service = lifecycle.name();
                metrics::counter!("shop_http_replies_unread_total", "service" => service).increment(1);
            }
        }
    };
    SENT.scope(Sent::default(), watched).await;
}

async fn left_unread(patience: Duration, lifecycle: &Lifecycle) {
    let draining = lifecycle.token();
    let mut drained = pin!(draining.cancelled());
    let (mut patience, mut waiting) = (patience, Waiting::default());
    let mut ending = false;
    poll_fn(|cx| {
        let (unread, steps) = SENT.with(|sent| (sent.unread.get(), sent.steps.get()));
        if !unread {
            waiting = Waiting::default();
            return Poll::Pending;
        }
        if !ending && drained.as_mut().poll(cx).is_ready() {
            ending = true;
            patience = patience.min(AT_THE_END);
            waiting = Waiting::default();
        }
        waiting.poll(steps, patience, cx)
    })
    .await;
}

/// The wait for a client to take the piece after so many steps.
#[derive(Default)]
struct Waiting {
    steps: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    fn poll(&mut self, steps: u64, patience: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        if self.steps != steps {
            self.steps = steps;
            timer.as_mut().reset(Instant::now() + patience);
        }
        timer.as_mut().poll(cx)
    }
}
