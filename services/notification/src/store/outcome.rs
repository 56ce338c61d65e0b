//! What a try makes of a delivery, whatever engine keeps it.

use contracts::events::notification::{NotificationDelivered, NotificationFailed};
use contracts::{Event, EventId, Payload, Timestamp};
use service_kit::Context;

use crate::domain::DeliveryState;
use crate::store::{Recorded, Tried, TriedDelivery};

/// What is written into the delivery.
pub(super) struct Outcome<'a> {
    pub(super) state: DeliveryState,
    pub(super) due_at: Option<Timestamp>,
    /// What the channel said, if it did not take it.
    pub(super) reason: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    pub(super) fn of(tried: &'a Tried) -> Self {
        let (due_at, reason) = match tried {
            Tried::Sent => (None, None),
            Tried::Later { reason, at } => (Some(*at), Some(reason)),
            Tried::Failed { reason } => (None, Some(reason)),
        };
        Self {
            state: tried.state(),
            due_at,
            reason: reason.map(String::as_str),
        }
    }
}

impl Recorded {
    /// What happened to a try that was not recorded now: whether the delivery, which is not being tried by it any more, still
    /// stands at it. Only who claimed a try may end it, so then it was that one who did, before.
    pub(super) fn not_now(still_this_try: bool) -> Self {
        if still_this_try {
            Self::Before
        } else {
            Self::TakenOver
        }
    }
}

impl TriedDelivery {
    /// What others hear when the delivery has ended by this try.
    pub(super) fn told(&self, context: &Context) -> Option<Event> {
        let channel = self.channel.as_str().to_owned();
        let payload = match &self.tried {
            Tried::Sent => Payload::from(NotificationDelivered {
                delivery_id: self.id,
                event_id: self.event_id,
                user_id: self.user_id,
                channel,
            }),
            Tried::Failed { reason } => Payload::from(NotificationFailed {
                delivery_id: self.id,
                event_id: self.event_id,
                user_id: self.user_id,
                channel,
                reason: reason.clone(),
            }),
            Tried::Later { .. } => return None,
        };
        Some(Event {
            id: EventId::at(context.now),
            occurred_at: context.now,
            aggregate_version: u64::from(self.attempt),
            correlation_id: self.user_id.to_string(),
            payload,
        })
    }
}
