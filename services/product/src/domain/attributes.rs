//! What is known of a product beyond its fixed fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Values by name, as the administrator wrote them.
pub type Attributes = BTreeMap<String, Value>;

/// The most attributes of one product.
const MOST: usize = 100;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;
/// The most bytes that all attributes take as JSON: every event and every list carries them.
const MOST_BYTES: usize = 16 * 1024;
/// The longest value that is found by a filter, in characters.
const LONGEST_FOUND: usize = 200;

/// Reads attributes within their bounds.
pub(super) fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
    let attributes = Attributes::deserialize(deserializer)?;
    match refusal(&attributes) {
        Some(message) => Err(serde::de::Error::custom(message)),
        None => Ok(attributes),
    }
}

/// The same for a change, where an absent field stays as it is.
pub(super) fn bounded_if_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Attributes>, D::Error> {
    bounded(deserializer).map(Some)
}

fn refusal(attributes: &Attributes) -> Option<&'static str> {
    let named = |name: &String| {
        (1..=LONGEST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    if attributes.len() > MOST {
        return Some("a product has at most 100 attributes");
    }
    if !attributes.keys().all(named) {
        return Some("an attribute's name is 1 to 64 characters without control characters");
    }
    let bytes = serde_json::to_vec(attributes).map_or(usize::MAX, |json| json.len());
    (bytes > MOST_BYTES).then_some("all attributes together take at most 16 KiB")
}

/// The names and values by which a product is found: texts, numbers and truths, also those in a list.
#[must_use]
pub fn found_by(attributes: &Attributes) -> BTreeSet<(&str, String)> {
    let mut found = BTreeSet::new();
    for (name, value) in attributes {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        let texts = values.iter().filter_map(text);
        found.extend(texts.map(|text| (name.as_str(), text)));
    }
    found
}

fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (text.chars().count() <= LONGEST_FOUND).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Value) -> Result<Attributes, String> {
        bounded(json).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_numbers_truths_and_what_lists_hold_are_found() {
        let attributes = read(&serde_json::json!({
            "colour": ["blue", "white"], "volume_ml": 330, "lid": true, "none": null,
            "size": {"w": 1}, "care": "x".repeat(201),
        }))
        .unwrap();
        let found: Vec<(&str, String)> = found_by(&attributes).into_iter().collect();
        let expected = [
            ("colour", "blue"),
            ("colour", "white"),
            ("lid", "true"),
            ("volume_ml", "330"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn attributes_that_would_swell_every_list_are_refused() {
        let many: BTreeMap<String, u8> = (0..101).map(|n| (format!("a{n}"), 1)).collect();
        for (json, message) in [
            (
                serde_json::json!(many),
                "a product has at most 100 attributes",
            ),
            (
                serde_json::json!({"": 1}),
                "an attribute's name is 1 to 64 characters without control characters",
            ),
            (
                serde_json::json!({"a": "x".repeat(17_000)}),
                "all attributes together take at most 16 KiB",
            ),
        ] {
            assert_eq!(read(&json), Err(message.to_owned()));
        }
    }
}
