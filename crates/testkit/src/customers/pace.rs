//! So many requests a second, however long each of them takes.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Progress;

/// What could not be asked for longer than that is not made up for: a shop that comes back is not to be met by a crowd.
const BEHIND: Duration = Duration::from_secs(5);

/// Keeps the requests of customers, and of those who take turns here, at a sum.
pub(super) struct Pace {
    gap: Duration,
    customers: Progress,
    turns: Mutex<Turns>,
}

struct Turns {
    /// When the first request was due.
    begun: Instant,
    /// What the customers had made before.
    before: usize,
    taken: usize,
}

impl Pace {
    /// From now on.
    pub(super) fn new(per_second: u32, customers: Progress) -> Self {
        let turns = Turns {
            begun: Instant::now(),
            before: customers.tries(),
            taken: 0,
        };
        Self {
            gap: Duration::from_secs(1) / per_second,
            customers,
            turns: Mutex::new(turns),
        }
    }

    /// Waits until one more is due.
    pub(super) async fn turn(&self) {
        while let Some(early) = self.take(Instant::now()) {
            tokio::time::sleep(early).await;
        }
    }

    /// Takes a turn, or says how much too early it is.
    fn take(&self, now: Instant) -> Option<Duration> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let made = (turns.taken + self.customers.tries()).saturating_sub(turns.before);
        let due = turns.begun + self.gap * u32::try_from(made).unwrap_or(u32::MAX);
        if due > now {
            return Some(due - now);
        }
        turns.begun += (now - due).saturating_sub(BEHIND);
        turns.taken += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many turns can be taken at that time.
    fn taken(pace: &Pace, at: Instant) -> usize {
        std::iter::from_fn(|| pace.take(at).is_none().then_some(())).count()
    }

    fn begun(pace: &Pace) -> Instant {
        pace.turns.lock().unwrap().begun
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn there_are_as_many_turns_a_second_as_were_asked_for() {
        let pace = Pace::new(50, Progress::default());
        let begun = begun(&pace);
        let taken: Vec<_> = (0..4)
            .map(|second| taken(&pace, begun + second * SECOND))
            .collect();
        assert_eq!(taken, [1, 50, 50, 50]);
        assert_eq!(pace.take(begun + 3 * SECOND), Some(SECOND / 50));
    }

    #[test]
    fn what_customers_ask_counts_too() {
        let customers = Progress::default();
        let pace = Pace::new(50, customers.clone());
        for _ in 0..30 {
            customers.one_more_try();
        }
        assert_eq!(taken(&pace, begun(&pace) + 2 * SECOND), 1 + 100 - 30);
    }

    #[test]
    fn a_delay_is_made_up_for_but_not_a_long_one() {
        let pace = Pace::new(50, Progress::default());
        let begun = begun(&pace);
        assert_eq!(taken(&pace, begun + 3 * SECOND), 1 + 150);
        assert_eq!(taken(&pace, begun + 63 * SECOND), 1 + 250);
        assert_eq!(taken(&pace, begun + 64 * SECOND), 50);
    }
}
