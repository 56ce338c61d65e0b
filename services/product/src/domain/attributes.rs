//! What is known of a product beyond its fixed fields.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Values by name, kept as the JSON they are: lists only pass them on, and need not take them apart for every product.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Attributes(Box<RawValue>);

impl Attributes {
    /// The attributes with these values.
    pub fn new(values: &BTreeMap<String, Value>) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(values).map(Self)
    }

    /// The attributes that were written as this JSON.
    pub fn from_json(json: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(json).map(Self)
    }

    /// Their JSON: an object with its names in order.
    #[must_use]
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// Their values by name.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, Value> {
        serde_json::from_str(self.json()).unwrap_or_default()
    }
}

impl PartialEq for Attributes {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Default for Attributes {
    fn default() -> Self {
        let none = RawValue::from_string("{}".to_owned());
        Self(none.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

/// Reads attributes within their bounds.
impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = BTreeMap::deserialize(deserializer)?;
        if let Some(message) = refusal(&values) {
            return Err(serde::de::Error::custom(message));
        }
        Self::new(&values).map_err(serde::de::Error::custom)
    }
}

/// The most attributes of one product.
const MOST: usize = 100;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;
/// The most bytes that all attributes take as JSON: every event and every list carries them.
const MOST_BYTES: usize = 16 * 1024;
/// The longest value that is found by a filter, in characters.
const LONGEST_FOUND: usize = 200;

fn refusal(attributes: &BTreeMap<String, Value>) -> Option<&'static str> {
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
pub fn found_by(attributes: &Attributes) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (name, value) in attributes.values() {
        let values = match &value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        let texts = values.iter().filter_map(text);
        found.extend(texts.map(|text| (name.clone(), text)));
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
        Attributes::deserialize(json).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_numbers_truths_and_what_lists_hold_are_found() {
        let attributes = read(&serde_json::json!({
            "colour": ["blue", "white"], "volume_ml": 330, "lid": true, "none": null,
            "size": {"w": 1}, "care": "x".repeat(201),
        }))
        .unwrap();
        let found: Vec<(String, String)> = found_by(&attributes).into_iter().collect();
        let expected = [
            ("colour", "blue"),
            ("colour", "white"),
            ("lid", "true"),
            ("volume_ml", "330"),
        ];
        assert_eq!(
            found,
            expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
        );
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
