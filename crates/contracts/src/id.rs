//! Typed ids: a prefix that says what it names, and a `UUIDv7` (RFC 9562) that sorts by creation time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::time::Timestamp;

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ followed by 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
}

/// A `UUIDv7` for `now`; its random bits come from the operating system.
fn uuid_at(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.unix_millis()).unwrap_or(0);
    let nanos = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        millis / 1000,
        nanos,
    ))
}

/// Only what `Display` writes is accepted: one object has one name, so two spellings never meet in a store.
fn parse(text: &str, prefix: &'static str) -> Result<Uuid, IdError> {
    let error = IdError { prefix };
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or(error.clone())?;
    let plain = digits.len() == 32
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !plain {
        return Err(error);
    }
    Uuid::try_parse(digits).map_err(|_| error)
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
        #[schema(value_type = String, pattern = $pattern)]
        pub struct $name(Uuid);

        impl $name {
            /// What its text form starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id that sorts by `now`; its random bits come from the operating system.
            #[must_use]
            pub fn at(now: Timestamp) -> Self {
                Self(uuid_at(now))
            }

            /// The id with this number.
            #[must_use]
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Its number without the prefix.
            #[must_use]
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.as_simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                })
            }
        }
    };
}

typed_id!(
    /// Names an account.
    UserId, "usr", "^usr_[0-9a-f]{32}$"
);
typed_id!(
    /// Names one sign-in of an account and the refresh tokens that descend from it.
    SessionId, "ses", "^ses_[0-9a-f]{32}$"
);
typed_id!(
    /// Names an address in a customer's address book.
    AddressId, "adr", "^adr_[0-9a-f]{32}$"
);
typed_id!(
    /// Names a product of the catalog.
    ProductId, "prd", "^prd_[0-9a-f]{32}$"
);
typed_id!(
    /// Names one change of a product's stock by a person.
    AdjustmentId, "adj", "^adj_[0-9a-f]{32}$"
);
typed_id!(
    /// Names an order.
    OrderId, "ord", "^ord_[0-9a-f]{32}$"
);
typed_id!(
    /// Names one parcel of an order.
    ShipmentId, "shp", "^shp_[0-9a-f]{32}$"
);
typed_id!(
    /// Names an event: its `CloudEvents` id, its AMQP `message_id` and its outbox row.
    EventId, "evt", "^evt_[0-9a-f]{32}$"
);
typed_id!(
    /// Names a notification in a customer's list.
    NotificationId, "ntf", "^ntf_[0-9a-f]{32}$"
);
typed_id!(
    /// Names the sending of one notification to one recipient over one channel.
    DeliveryId, "dlv", "^dlv_[0-9a-f]{32}$"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_prefix_and_32_digits_and_is_read_back_equal() {
        let id = OrderId::from_uuid(Uuid::from_u128(0x019a_bcde_0000_7000_8000_0000_0000_00ff));
        assert_eq!(id.to_string(), "ord_019abcde0000700080000000000000ff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(
            serde_json::to_string(&id).unwrap(),
            "\"ord_019abcde0000700080000000000000ff\""
        );
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made_at() {
        let earlier = EventId::at(Timestamp::from_unix_millis(1_000));
        let later = EventId::at(Timestamp::from_unix_millis(1_001));
        assert!(earlier.to_string() < later.to_string());
    }

    #[test]
    fn another_kind_of_id_and_other_spellings_are_refused() {
        for text in [
            "usr_019abcde0000700080000000000000ff",
            "ord_019ABCDE0000700080000000000000FF",
            "ord_019abcde-0000-7000-8000-0000000000ff",
            "ord_",
            "ord_{19abcde0000700080000000000000f}",
            "019abcde0000700080000000000000ff",
            "",
        ] {
            assert_eq!(
                text.parse::<OrderId>(),
                Err(IdError { prefix: "ord" }),
                "{text}"
            );
        }
    }
}
