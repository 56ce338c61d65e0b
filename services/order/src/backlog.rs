//! The outbox cap: how many events may wait for a broker that is away before no more orders are accepted (I13).

use std::sync::atomic::{AtomicU64, Ordering};

/// An estimate of the events that wait, cheap enough to ask for every order.
///
/// Counting them in each order's transaction would cost most when there are most. So they are counted now and then,
/// and orders accepted since then are added: the estimate is never below the truth of this process.
#[derive(Debug)]
pub struct Backlog {
    cap: u64,
    waiting: AtomicU64,
}

impl Backlog {
    /// An empty one that is full at `cap` events.
    #[must_use]
    pub fn new(cap: u64) -> Self {
        Self {
            cap,
            waiting: AtomicU64::new(0),
        }
    }

    /// Whether another order has to wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.cap
    }

    /// One more event waits.
    pub fn add_one(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// So many were counted.
    pub fn counted(&self, waiting: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_its_cap_and_open_again_when_events_have_left() {
        let backlog = Backlog::new(2);
        backlog.add_one();
        assert!(!backlog.is_full());
        backlog.add_one();
        assert!(backlog.is_full());
        backlog.counted(1);
        assert!(!backlog.is_full());
    }
}
