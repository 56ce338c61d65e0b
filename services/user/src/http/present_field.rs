//! Fields of a patch, where absent and null are two things.

use serde::{Deserialize, Deserializer};

/// A field that may be absent but not null: absent leaves the value as it is.
pub(super) fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A field that may be absent, which leaves the value as it is, or null, which removes it.
#[expect(
    clippy::option_option,
    reason = "the two kinds of nothing are what this tells apart"
)]
pub(super) fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
