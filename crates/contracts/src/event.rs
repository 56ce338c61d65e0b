//! The envelope of an event and the list of all types.

use std::fmt;
use std::str::FromStr;

use crate::events::notification::{NotificationDelivered, NotificationFailed};
use crate::events::order::{
    OrderCancelRequested, OrderCancelled, OrderConfirmed, OrderDelivered, OrderPlaced,
    OrderRejected, OrderReturned, OrderShipped,
};
use crate::events::product::{ProductArchived, ProductCreated, ProductUpdated};
use crate::events::stock::{
    StockAdjusted, StockHoldExpired, StockLow, StockRejected, StockReleased, StockReserved,
};
use crate::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use crate::id::EventId;
use crate::time::Timestamp;

/// Who tells an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Producer {
    /// The user service.
    User,
    /// The product service.
    Product,
    /// The order service.
    Order,
    /// The notification service.
    Notification,
}

impl Producer {
    /// The service's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Notification => "notification",
        }
    }
}

/// A fact, in the envelope of `CloudEvents` 1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Names this fact for ever: consumers keep it to know what they have done (`CloudEvents` `id`).
    pub id: EventId,
    /// When it became true.
    pub occurred_at: Timestamp,
    /// The version of the thing it is about: consumers apply none over a newer one.
    pub aggregate_version: u64,
    /// The order or account it is about, as text.
    pub correlation_id: String,
    /// What happened.
    pub payload: Payload,
}

/// Why a message is not an event of this program.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The type is not in the list.
    #[error("unknown event type `{0}`")]
    UnknownType(String),
    /// An attribute of the envelope is malformed.
    #[error("the event's {0} is malformed")]
    Attribute(&'static str),
    /// The body does not fit the type.
    #[error("the body is not a {event_type}")]
    Body {
        /// The type it claims to be.
        event_type: EventType,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! event_types {
    ($($variant:ident = $text:literal by $producer:ident),+ $(,)?) => {
        /// The type of an event: what happened, and the version of its payload.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventType {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl EventType {
            /// Every type there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its text: `CloudEvents` `type` and the routing key.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Who tells it.
            #[must_use]
            pub fn producer(self) -> Producer {
                match self { $(Self::$variant => Producer::$producer,)+ }
            }

            /// The JSON Schema of its payload.
            #[must_use]
            pub fn json_schema(self) -> schemars::Schema {
                match self { $(Self::$variant => schemars::schema_for!($variant),)+ }
            }
        }

        /// What happened, by type.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Payload {
            $(#[doc = concat!("`", $text, "`")] $variant($variant),)+
        }

        impl Payload {
            /// Its type.
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$variant(_) => EventType::$variant,)+ }
            }

            /// Its JSON.
            pub fn to_json(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(payload) => serde_json::to_string(payload),)+ }
            }

            /// Reads the payload of a type; fields that are not known are ignored.
            pub fn from_json(event_type: EventType, json: &str) -> Result<Self, DecodeError> {
                match event_type {
                    $(EventType::$variant => serde_json::from_str(json).map(Self::$variant),)+
                }
                .map_err(|source| DecodeError::Body { event_type, source })
            }
        }

        $(impl From<$variant> for Payload {
            fn from(payload: $variant) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

event_types! {
    UserRegistered = "user.registered.v1" by User,
    UserProfileUpdated = "user.profile_updated.v1" by User,
    UserRolesChanged = "user.roles_changed.v1" by User,
    ProductCreated = "product.created.v1" by Product,
    ProductUpdated = "product.updated.v1" by Product,
    ProductArchived = "product.archived.v1" by Product,
    StockReserved = "stock.reserved.v1" by Product,
    StockRejected = "stock.rejected.v1" by Product,
    StockReleased = "stock.released.v1" by Product,
    StockHoldExpired = "stock.hold_expired.v1" by Product,
    StockAdjusted = "stock.adjusted.v1" by Product,
    StockLow = "stock.low.v1" by Product,
    OrderPlaced = "order.placed.v1" by Order,
    OrderConfirmed = "order.confirmed.v1" by Order,
    OrderRejected = "order.rejected.v1" by Order,
    OrderCancelRequested = "order.cancel_requested.v1" by Order,
    OrderCancelled = "order.cancelled.v1" by Order,
    OrderShipped = "order.shipped.v1" by Order,
    OrderDelivered = "order.delivered.v1" by Order,
    OrderReturned = "order.returned.v1" by Order,
    NotificationDelivered = "notification.delivered.v1" by Notification,
    NotificationFailed = "notification.failed.v1" by Notification,
}

impl EventType {
    /// Its text without the version, as the live stream shows it: `order.confirmed`.
    #[must_use]
    pub fn unversioned(self) -> &'static str {
        self.as_str()
            .rsplit_once(".v")
            .map_or(self.as_str(), |(name, _)| name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|event_type| event_type.as_str() == text)
            .ok_or_else(|| DecodeError::UnknownType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_back_from_its_text_and_starts_with_a_word_of_its_producer() {
        for event_type in EventType::ALL {
            assert_eq!(
                event_type.as_str().parse::<EventType>().unwrap(),
                *event_type
            );
            let noun = event_type.as_str().split('.').next().unwrap();
            let nouns: &[&str] = match event_type.producer() {
                Producer::User => &["user"],
                Producer::Product => &["product", "stock"],
                Producer::Order => &["order"],
                Producer::Notification => &["notification"],
            };
            assert!(nouns.contains(&noun), "{event_type}");
        }
    }

    #[test]
    fn the_stream_shows_a_type_without_its_version() {
        assert_eq!(EventType::OrderConfirmed.unversioned(), "order.confirmed");
    }

    #[test]
    fn fields_that_are_not_known_are_ignored_and_missing_ones_are_an_error() {
        let json =
            r#"{"order_id":"ord_019abcde0000700080000000000000ff","reason":"customer","new":1}"#;
        let payload = Payload::from_json(EventType::OrderCancelRequested, json).unwrap();
        assert_eq!(payload.event_type(), EventType::OrderCancelRequested);
        let error = Payload::from_json(EventType::OrderCancelRequested, "{}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the body is not a order.cancel_requested.v1"
        );
    }
}
