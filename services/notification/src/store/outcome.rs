//! What a try makes of a delivery, whatever engine keeps it.

use contracts::events::notification::{NotificationDelivered, NotificationFailed};
use contracts::{DeliveryId, Event, EventId, Payload, Timestamp, UserId};
use service_kit::Context;

use crate::domain::DeliveryState;
use crate::store::Tried;

/// What is written into the delivery.
pub(super) struct Outcome<'a> {
    pub(super) state: DeliveryState,
    pub(super) due_at: Option<Timestamp>,
    /// What the channel said, if it did not take it.
    pub(super) reason: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    pub(super) fn of(tried: &'a Tried) -> Self {
        let (state, due_at, reason) = match tried {
            Tried::Sent => (DeliveryState::Sent, None, None),
            Tried::Later { reason, at } => (DeliveryState::Queued, Some(*at), Some(reason)),
            Tried::Failed { reason } => (DeliveryState::Failed, None, Some(reason)),
        };
        Self {
            state,
            due_at,
            reason: reason.map(String::as_str),
        }
    }
}

/// What a delivery is about.
pub(super) struct About {
    pub(super) event_id: EventId,
    pub(super) user_id: UserId,
    pub(super) channel: String,
}

impl About {
    /// What others hear when the delivery has ended by this try.
    pub(super) fn told(
        self,
        id: DeliveryId,
        attempt: u32,
        tried: &Tried,
        context: &Context,
    ) -> Option<Event> {
        let correlation_id = self.user_id.to_string();
        let payload = match tried {
            Tried::Sent => Payload::from(NotificationDelivered {
                delivery_id: id,
                event_id: self.event_id,
                user_id: self.user_id,
                channel: self.channel,
            }),
            Tried::Failed { reason } => Payload::from(NotificationFailed {
                delivery_id: id,
                event_id: self.event_id,
                user_id: self.user_id,
                channel: self.channel,
                reason: reason.clone(),
            }),
            Tried::Later { .. } => return None,
        };
        Some(Event {
            id: EventId::at(context.now),
            occurred_at: context.now,
            aggregate_version: u64::from(attempt),
            correlation_id,
            payload,
        })
    }
}
