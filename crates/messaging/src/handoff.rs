//! From a commit straight to the relay of the same process.
//!
//! A command that writes an event into the outbox has it at hand, and so has its process's relay a moment later: it need not look
//! for it in the store, nor mark it as taken. The event is written as taken from the start, for [`LEASE`]; if it is not published
//! by then, because the process died, every relay finds it as it finds any other.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contracts::Timestamp;

use crate::message::Message;

/// How long an event that is handed over is left to the relay of its process. A broker that takes longer may be told the event
/// twice, under the same id.
const LEASE: Duration = Duration::from_secs(10);
/// Events that may be on their way at a time: bounds what is kept in memory, and what waits for the lease if the process dies.
const PLACES: usize = 1_024;

/// Events on their way from commits to the relay of this process. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Handoff(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// A relay publishes what is handed over.
    open: bool,
    waiting: VecDeque<Handed>,
    promised: usize,
}

/// An event, and until when it is written as taken.
#[derive(Debug)]
struct Handed {
    message: Message,
    until: Timestamp,
}

/// Places for events that are about to be committed. Dropped without being taken, they are free again.
#[derive(Debug)]
pub struct Places {
    handoff: Handoff,
    events: usize,
    until: Timestamp,
}

impl Handoff {
    /// Places for so many events. None if no relay would publish them at once: then they are written as free for any.
    #[must_use]
    pub fn places(&self, events: usize, now: Timestamp) -> Option<Places> {
        let mut state = self.state();
        let room = PLACES.saturating_sub(state.waiting.len() + state.promised);
        if !state.open || events > room {
            return None;
        }
        state.promised += events;
        Some(Places {
            handoff: self.clone(),
            events,
            until: now.plus(LEASE),
        })
    }

    /// From now on a relay publishes what is handed over.
    pub(crate) fn open(&self) {
        self.state().open = true;
    }

    /// No more places are given.
    pub(crate) fn close(&self) {
        self.state().open = false;
    }

    /// What has waited longest. What has waited until others may take it is left to whoever finds it.
    pub(crate) fn take(&self, limit: usize, now: Timestamp) -> Vec<Message> {
        let mut state = self.state();
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(handed) = state.waiting.pop_front()
        {
            if handed.until > now {
                taken.push(handed.message);
            }
        }
        taken
    }

    /// Whether nothing is waiting or about to.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.promised == 0
    }

    /// Whether nothing is waiting.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().waiting.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Until when the events are to be written as taken; without places, from the start as free.
    #[must_use]
    pub fn claimed_until(places: Option<&Self>) -> i64 {
        places.map_or(0, |places| places.until.unix_millis())
    }

    /// Hands over events that are committed, as taken as [`Places::claimed_until`] says.
    pub fn take(self, committed: impl IntoIterator<Item = Message>) {
        let until = self.until;
        let handed = committed.into_iter();
        let handed = handed.map(|message| Handed { message, until });
        self.handoff.state().waiting.extend(handed);
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.handoff.state().promised -= self.events;
    }
}

#[cfg(test)]
mod tests {
    use contracts::events::order::{CancelReason, OrderCancelRequested};
    use contracts::{Event, EventId, OrderId};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_unix_millis(1_795_464_373_000)
    }

    fn message() -> Message {
        let order_id = OrderId::at(now());
        let payload = OrderCancelRequested {
            order_id,
            reason: CancelReason::Customer,
        };
        let event = Event {
            id: EventId::at(now()),
            occurred_at: now(),
            aggregate_version: 1,
            correlation_id: order_id.to_string(),
            payload: payload.into(),
        };
        Message::from_event(&event, None).unwrap()
    }

    #[test]
    fn without_a_relay_there_are_no_places_and_events_are_free() {
        let handoff = Handoff::default();
        assert!(handoff.places(1, now()).is_none());
        handoff.open();
        assert!(handoff.places(1, now()).is_some());
        handoff.close();
        let places = handoff.places(1, now());
        assert_eq!(Places::claimed_until(places.as_ref()), 0);
    }

    #[test]
    fn what_is_handed_over_comes_out_in_its_order_a_batch_at_a_time() {
        let handoff = Handoff::default();
        handoff.open();
        let (one, two, three) = (message(), message(), message());
        let places = handoff.places(2, now()).unwrap();
        let until = now().plus(LEASE).unix_millis();
        assert_eq!(Places::claimed_until(Some(&places)), until);
        places.take([one.clone(), two.clone()]);
        handoff.places(1, now()).unwrap().take([three.clone()]);
        assert_eq!(handoff.take(2, now()), [one, two]);
        assert!(!handoff.is_empty());
        assert_eq!(handoff.take(2, now()), [three]);
        assert!(handoff.is_idle());
    }

    #[test]
    fn what_others_may_take_by_now_is_not_told_by_this_process_too() {
        let handoff = Handoff::default();
        handoff.open();
        let (old, new) = (message(), message());
        handoff.places(1, now()).unwrap().take([old]);
        let later = now().plus(LEASE);
        handoff.places(1, later).unwrap().take([new.clone()]);
        assert_eq!(handoff.take(9, later), [new]);
        assert!(handoff.is_idle());
    }

    #[test]
    fn places_are_bounded_and_those_of_a_command_that_failed_are_free_again() {
        let handoff = Handoff::default();
        handoff.open();
        let all = handoff.places(PLACES, now()).unwrap();
        assert!(handoff.places(1, now()).is_none());
        assert!(handoff.is_empty() && !handoff.is_idle());
        drop(all);
        let places = handoff.places(PLACES, now()).unwrap();
        places.take((0..PLACES).map(|_| message()));
        assert!(handoff.places(1, now()).is_none(), "they wait");
        assert_eq!(handoff.take(1, now()).len(), 1);
        assert!(handoff.places(1, now()).is_some());
    }
}
