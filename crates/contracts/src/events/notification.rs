//! What the notification service tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{DeliveryId, EventId, UserId};

/// `notification.delivered.v1`: the channel took the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationDelivered {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The event it tells about.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// How: `email`.
    pub channel: String,
}

/// `notification.failed.v1`: it was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationFailed {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The event it tells about.
    pub event_id: EventId,
    /// To whom.
    pub user_id: UserId,
    /// How: `email`.
    pub channel: String,
    /// What the channel said last.
    pub reason: String,
}
