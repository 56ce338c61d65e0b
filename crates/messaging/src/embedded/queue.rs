//! One queue of the embedded broker: what is known of it in memory.
//!
//! The file is the truth about which messages there are; memory knows which of them are handed out. So a crash hands out
//! again everything that was not acknowledged.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use sqlite_store::StoreError;
use tokio::sync::Notify;

use super::rows::{HandedOut, Stored};

/// A read of the file that is under way. Whoever waits for it drives it on, and giving up waiting does not end it: the
/// rows are counted as handed out as soon as it has begun.
type Reading = Shared<BoxFuture<'static, Result<(), StoreError>>>;

/// A queue as its consumers share it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    /// Woken when there may be something to take.
    pub(super) changed: Notify,
    /// The one read that is under way, so that no row is read twice.
    reading: Mutex<Option<Reading>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The last row that was read from the file.
    read_to: i64,
    /// Counts the times rows were added to the file.
    added: u64,
    /// The value of `added` up to which the file was read to its end.
    seen: u64,
    /// Rows that were read and are not handed out.
    ready: VecDeque<Stored>,
    /// A row under suspicion is read and not settled: nothing is read behind it meanwhile.
    suspect: bool,
}

impl Queue {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            changed: Notify::new(),
            reading: Mutex::default(),
            state: Mutex::new(State {
                read_to: 0,
                // What an earlier process left is unread.
                added: 1,
                seen: 0,
                ready: VecDeque::new(),
                suspect: false,
            }),
        }
    }

    /// Says that rows were added to the file, and committed.
    pub(super) fn wake(&self) {
        self.state().added += 1;
        self.changed.notify_waiters();
    }

    /// A row to hand out; else whether the file may hold more.
    pub(super) fn take(&self) -> Result<Stored, bool> {
        let mut state = self.state();
        state.ready.pop_front().ok_or_else(|| state.may_read())
    }

    /// Reads on: waits for the read that is under way, or begins this one. Giving up waiting loses nothing.
    pub(super) async fn read(
        &self,
        begin: impl FnOnce() -> BoxFuture<'static, Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let reading = self
            .reading()
            .get_or_insert_with(|| begin().shared())
            .clone();
        let done = reading.clone().await;
        self.forget(&reading);
        done
    }

    /// Waits for the read that is under way, if one is.
    pub(super) async fn finish_reading(&self) {
        let reading = self.reading().clone();
        if let Some(reading) = reading {
            // Whoever reads next is told what went wrong.
            let _ = reading.clone().await;
            self.forget(&reading);
        }
    }

    fn forget(&self, done: &Reading) {
        let mut reading = self.reading();
        if reading.as_ref().is_some_and(|reading| reading.ptr_eq(done)) {
            *reading = None;
        }
    }

    /// Where to read on; none if somebody else has read meanwhile.
    pub(super) fn position(&self) -> Option<Position> {
        let state = self.state();
        (state.ready.is_empty() && state.may_read()).then(|| Position {
            after: state.read_to,
            added: state.added,
        })
    }

    /// Makes rows that were read from `position` on ready, once their counts are committed.
    pub(super) fn fill(&self, position: &Position, handed_out: HandedOut) {
        let HandedOut { rows, to_the_end } = handed_out;
        let mut state = self.state();
        state.suspect = rows.first().is_some_and(Stored::is_suspect);
        if to_the_end {
            state.seen = position.added;
        }
        if let Some(last) = rows.last() {
            state.read_to = last.seq;
        }
        state.ready.extend(rows);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Puts a row that was handed out back in front.
    pub(super) fn give_back(&self, stored: Stored) {
        self.state().ready.push_front(stored);
        self.changed.notify_waiters();
    }

    /// Says that a row that was handed out is gone from the file.
    pub(super) fn settled(&self, stored: &Stored) {
        if stored.is_suspect() {
            self.state().suspect = false;
            self.changed.notify_waiters();
        }
    }

    /// The last row that was read: all up to it that are still in the file count as handed out.
    pub(super) fn read_to(&self) -> i64 {
        self.state().read_to
    }

    fn reading(&self) -> MutexGuard<'_, Option<Reading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_read(&self) -> bool {
        !self.suspect && self.seen != self.added
    }
}

/// A place in the file from which a queue is read on.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) after: i64,
    added: u64,
}
