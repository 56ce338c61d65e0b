//! Numbers that make no sense: nought seconds between looks keep a core busy, and 2^60 seconds overflow a date.

use serde::de::{Deserialize, Deserializer, Error as _};

/// Reads a whole number from `LEAST` to `MOST`: `#[serde(deserialize_with = "within::<_, 1, 86_400>")]`.
///
/// # Errors
///
/// Another number, or anything else, is refused with the bounds.
pub fn within<'de, D: Deserializer<'de>, const LEAST: u64, const MOST: u64>(
    deserializer: D,
) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if (LEAST..=MOST).contains(&number) {
        Ok(number)
    } else {
        let message = format!("{number} is not a whole number from {LEAST} to {MOST}");
        Err(D::Error::custom(message))
    }
}
