//! When a try that nobody has recorded may be taken over.
//!
//! A try that was not recorded before its lease ended was begun by a sender that is dead, or by one that lives and could not
//! reach the store. What a dead sender left must be sent, soon. What a living one has sent must not: it is recorded as soon as
//! the store lets it. The two look the same from outside, so a sender waits until every living one must have recorded.
//!
//! **What a living sender needs.** Its result waits for at most a statement that hangs until it is given up (it was begun while
//! the store was away), a pause ([`LONGEST_PAUSE`]), a record of earlier results, and its own. A statement takes no longer than
//! settings allow (`store.pool.wait_ms + store.pool.statement_ms`). The sum is the *proof*: if the store takes what is written
//! to it for that long without interruption, a sender that had a result before has recorded it.
//!
//! **How it is known that the store takes writes.** By writing to it: one of the deliveries in question is touched every second
//! ([`NotificationStore::touch_late`]), from one proof before its lease ends, so that where all is well nothing waits for longer
//! than its lease. The lease is so long that a try, which has its own deadline, has its result at least one proof and a statement
//! before the lease ends, with ten seconds to spare for clocks of replicas that differ.
//!
//! **The rule.** A delivery may be taken over if its lease ended before a moment at which
//!
//! 1. the store had taken writes for one proof without interruption; or
//! 2. it had taken them for ten proofs altogether since its lease ended, however often it was interrupted.
//!
//! What was shown once stays shown: a hiccup afterwards delays nothing that may be taken over already.
//!
//! **So** an abandoned mail is claimed at the latest two looks after the end of its lease, if the store works then; else after the
//! store has worked for one proof at a stretch (37 seconds as settings are by default), or, if it never does that, after it has
//! worked for twenty altogether (two counts of ten, since a lease may end in the middle of one). A sender that came through in none
//! of them is as good as cut off; that, and one that stands still for longer than its lease, is what may double a mail (I10).
//!
//! [`NotificationStore::touch_late`]: crate::store::NotificationStore::touch_late

use std::time::Duration;

use contracts::Timestamp;
use tokio::time::Instant;

use crate::sender::recorder::LONGEST_PAUSE;

/// How much longer a claim holds than a try may take, at least.
const MARGIN: Duration = Duration::from_mins(1);
/// For clocks that differ, and the good-bye to a mail server.
const SPARE: Duration = Duration::from_secs(10);
/// How many proofs with interruptions are as good as one without.
const INTERRUPTED: u32 = 10;
/// Two looks further apart than that are an interruption: what was not watched is not known.
const BLINK: Duration = Duration::from_secs(3);

/// How long claims hold, and how long the store must have worked before they are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How long a claim holds.
    pub(crate) lease: Duration,
    /// How long a claim may take: what is claimed later has not enough of its lease left.
    pub(crate) claim: Duration,
    /// How long the store must work so that every living sender has recorded.
    pub(crate) proof: Duration,
}

impl Terms {
    /// For tries and statements that take that long at most.
    pub(crate) fn new(a_try: Duration, a_statement: Duration) -> Self {
        let proof = 3 * a_statement + LONGEST_PAUSE;
        Self {
            lease: a_try + MARGIN.max(a_statement + proof + SPARE),
            claim: a_statement + SPARE / 2,
            proof,
        }
    }
}

/// What one process has seen of the store since some delivery is late.
#[derive(Debug)]
pub(super) struct Evidence {
    proof: Duration,
    counting: Option<Counting>,
    shown: Option<Timestamp>,
}

#[derive(Debug)]
struct Counting {
    /// When the count began.
    since: Timestamp,
    /// How long the store has worked since, altogether.
    worked: Duration,
    /// How long it has without interruption.
    at_a_stretch: Duration,
    /// The end of the last look, unless it was interrupted since.
    last: Option<Instant>,
}

impl Evidence {
    pub(super) fn new(terms: &Terms) -> Self {
        Self {
            proof: terms.proof,
            counting: None,
            shown: None,
        }
    }

    /// Leases that ended then or before are over.
    pub(super) fn shown(&self) -> Option<Timestamp> {
        self.shown
    }

    /// Nothing is late, so there is nothing to show.
    pub(super) fn nothing_is_late(&mut self) {
        self.counting = None;
    }

    /// The store failed.
    pub(super) fn interrupted(&mut self) {
        if let Some(counting) = &mut self.counting {
            counting.last = None;
        }
    }

    /// The store took a write that was begun and ended then; `at` is the time of day when it was begun.
    pub(super) fn worked(&mut self, begun: Instant, ended: Instant, at: Timestamp) {
        let counting = self.counting.get_or_insert(Counting {
            since: at,
            worked: Duration::ZERO,
            at_a_stretch: Duration::ZERO,
            last: None,
        });
        // The moment at which the store took it is somewhere between: the shorter time counts.
        let since_last = counting
            .last
            .map(|last| begun.saturating_duration_since(last))
            .filter(|since_last| *since_last <= BLINK);
        match since_last {
            Some(time) => {
                counting.worked += time;
                counting.at_a_stretch += time;
            }
            None => counting.at_a_stretch = Duration::ZERO,
        }
        counting.last = Some(ended);
        if counting.at_a_stretch >= self.proof {
            self.shown = Some(at);
        } else if counting.worked >= INTERRUPTED * self.proof {
            self.shown = self.shown.max(Some(counting.since));
            counting.since = at;
            counting.worked = Duration::ZERO;
        }
    }
}

#[cfg(test)]
mod tests;
