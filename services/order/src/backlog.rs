//! The outbox cap: how many events may wait for a broker that is away before no more orders are accepted (I13).

use std::sync::{Mutex, MutexGuard, PoisonError};

/// An estimate of the events that wait, cheap enough to ask for every order.
///
/// Counting them in each order's transaction would cost most when there are most. So they are counted now and then,
/// and orders accepted since then are added: the estimate is never below the truth of this process.
#[derive(Debug)]
pub struct Backlog {
    cap: u64,
    estimate: Mutex<Estimate>,
}

#[derive(Debug, Default)]
struct Estimate {
    /// What was counted last.
    counted: u64,
    /// Orders accepted that the count may have missed.
    accepted: u64,
}

impl Backlog {
    /// An empty one that is full at `cap` events.
    #[must_use]
    pub fn new(cap: u64) -> Self {
        Self {
            cap,
            estimate: Mutex::default(),
        }
    }

    /// Whether another order has to wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let estimate = self.estimate();
        estimate.counted.saturating_add(estimate.accepted) >= self.cap
    }

    /// One more event waits.
    pub fn add_one(&self) {
        self.estimate().accepted += 1;
    }

    /// How many orders were accepted since the last count began. Ask before counting.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.estimate().accepted
    }

    /// So many were counted; the count has seen the first `accepted` orders, and maybe none of those accepted meanwhile.
    pub fn counted(&self, waiting: u64, accepted: u64) {
        let mut estimate = self.estimate();
        estimate.counted = waiting;
        estimate.accepted = estimate.accepted.saturating_sub(accepted);
    }

    fn estimate(&self) -> MutexGuard<'_, Estimate> {
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner)
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
        backlog.counted(1, backlog.accepted());
        assert!(!backlog.is_full());
    }

    #[test]
    fn orders_accepted_while_it_is_counted_are_not_forgotten() {
        let backlog = Backlog::new(2);
        backlog.add_one();
        let accepted = backlog.accepted();
        backlog.add_one();
        backlog.counted(1, accepted);
        assert!(backlog.is_full());
    }
}
