//! The stock keeping unit: the shop's own name for a thing it sells.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// A stock keeping unit: 1–64 of letters, digits, `.`, `_` and `-`, compared as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "MUG-BLUE-330")]
pub struct Sku(String);

/// Why a text is not a [`Sku`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sku is 1 to 64 letters, digits, dots, underscores and hyphens")]
pub struct SkuError;

impl Sku {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = SkuError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        // `.` and `..` would be path tricks where a sku is a path segment.
        let dots = text.bytes().all(|b| b == b'.');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !dots {
            Ok(Self(text))
        } else {
            Err(SkuError)
        }
    }
}

impl FromStr for Sku {
    type Err = SkuError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sku {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from(text).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Sku {
    fn schema_name() -> Cow<'static, str> {
        "Sku".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_dots_underscores_and_hyphens_make_a_sku() {
        assert_eq!(
            "MUG-BLUE_33.0".parse::<Sku>().map(|sku| sku.to_string()),
            Ok("MUG-BLUE_33.0".to_owned())
        );
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "a".repeat(65);
        for text in ["", " ", "a/b", "a b", "ü", "..", ".", "a\n", long.as_str()] {
            assert_eq!(text.parse::<Sku>(), Err(SkuError), "{text:?}");
        }
    }
}
