//! How many of something is ordered, reserved or shipped.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Deserializer, Serialize};

/// A number of pieces from 1 to [`Quantity::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = u32, minimum = 1, maximum = 1_000_000)]
pub struct Quantity(NonZeroU32);

/// Why a number is not a [`Quantity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a whole number from 1 to 1000000")]
pub struct QuantityError;

impl Quantity {
    /// The most that one line may ask for: keeps every product of a price and a quantity far from overflow.
    pub const MAX: u32 = 1_000_000;

    /// Checks the bounds.
    pub fn new(pieces: u32) -> Result<Self, QuantityError> {
        match NonZeroU32::new(pieces) {
            Some(pieces) if pieces.get() <= Self::MAX => Ok(Self(pieces)),
            _ => Err(QuantityError),
        }
    }

    /// The number of pieces.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityError;

    fn try_from(pieces: i64) -> Result<Self, Self::Error> {
        Self::new(u32::try_from(pieces).map_err(|_| QuantityError)?)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read wide first, so that -1 and 10^12 get the sentence about quantities and not one about integer types.
        let pieces = i64::deserialize(deserializer)?;
        Self::try_from(pieces).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "integer", "minimum": 1, "maximum": Self::MAX})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_negative_and_huge_quantities_are_refused_with_the_rule() {
        for text in ["0", "-1", "1000001", "4294967297"] {
            let error = serde_json::from_str::<Quantity>(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "a quantity is a whole number from 1 to 1000000",
                "{text}"
            );
        }
    }

    #[test]
    fn the_bounds_themselves_are_quantities() {
        assert_eq!(Quantity::new(1).map(Quantity::get), Ok(1));
        assert_eq!(Quantity::new(1_000_000).map(Quantity::get), Ok(1_000_000));
    }
}
