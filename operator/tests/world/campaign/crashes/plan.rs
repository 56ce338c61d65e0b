//! One write that goes wrong.

use std::collections::BTreeMap;

use crate::harness::{Asked, Fault, Refusal, Tap, Verb, without_hashes};

/// In which ways.
const FAULTS: [Fault; 7] = [
    Fault::Crash,
    Fault::Stale,
    Fault::Before(Refusal::Internal),
    Fault::Before(Refusal::Conflict),
    Fault::Before(Refusal::TooManyRequests),
    Fault::After(Refusal::TimedOut),
    Fault::After(Refusal::Internal),
];
/// The status is written as often as there is something new, which is not always the same.
const STATUSES: usize = 3;

/// A write, without what differs between two platforms that were made in the same way.
pub(super) type Write = (Verb, String, String);

pub(super) fn write(asked: &Asked) -> Write {
    (
        asked.verb,
        asked.resource.clone(),
        without_hashes(&asked.name),
    )
}

/// The `nth` of these writes, from 0, goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    write: Write,
    nth: usize,
    pub(super) fault: Fault,
}

impl Plan {
    /// Every fault for every one of these writes.
    pub(super) fn for_each_of(writes: &BTreeMap<Write, usize>) -> Vec<Self> {
        let mut plans = Vec::new();
        for (write, times) in writes {
            for nth in 0..(*times).min(STATUSES) {
                plans.extend(FAULTS.map(|fault| Self {
                    write: write.clone(),
                    nth,
                    fault,
                }));
            }
        }
        plans
    }

    /// Has it happen.
    pub(super) fn strike(&self, tap: &Tap) {
        let meant = self.write.clone();
        tap.strike(self.fault, self.nth, 1, move |asked| write(asked) == meant);
    }
}
