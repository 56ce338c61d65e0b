//! The generated JSON Schemas (`crates/contracts/schemas/`) and the rule for changing them.

use serde_json::{Map, Value};

use crate::event::EventType;

/// The file name and content of every schema, in the order of [`EventType::ALL`].
pub fn files() -> Result<Vec<(String, String)>, serde_json::Error> {
    EventType::ALL
        .iter()
        .map(|event_type| {
            let mut schema = event_type.json_schema();
            schema.insert("title".to_owned(), event_type.as_str().into());
            let text = serde_json::to_string_pretty(&schema)?;
            Ok((format!("{event_type}.schema.json"), text + "\n"))
        })
        .collect()
}

/// What in `new` would break a producer or a consumer of `old`; empty if the change is additive.
///
/// Messages of a type are kept and replayed for weeks, so within a version a field is never dropped, never newly
/// required and never changes its type. Anything else is a new version of the type.
#[must_use]
pub fn incompatibilities(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    found
}

fn compare(pointer: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for rule in ["type", "$ref", "pattern", "format", "enum", "const"] {
        if old.get(rule) != new.get(rule) && !only_adds_values(rule, old, new) {
            found.push(format!("{pointer}/{rule} changed"));
        }
    }
    let required = |schema: &Value, name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|n| n == name))
    };
    for name in children(new, "properties").map(|(name, _)| name) {
        if required(new, name) && !required(old, name) {
            found.push(format!("{pointer}/properties/{name} became required"));
        }
    }
    for group in ["properties", "$defs"] {
        for (name, old_child) in children(old, group) {
            let at = format!("{pointer}/{group}/{name}");
            match new.get(group).and_then(|children| children.get(name)) {
                Some(new_child) => compare(&at, old_child, new_child, found),
                None => found.push(format!("{at} was dropped")),
            }
        }
    }
    if let (Some(old), Some(new)) = (old.get("items"), new.get("items")) {
        compare(&format!("{pointer}/items"), old, new, found);
    }
}

/// A longer list of values is additive: consumers must cope with a value they do not know.
fn only_adds_values(rule: &str, old: &Value, new: &Value) -> bool {
    let values = |schema: &Value| schema.get(rule).and_then(Value::as_array).cloned();
    rule == "enum"
        && matches!((values(old), values(new)),
            (Some(old), Some(new)) if old.iter().all(|value| new.contains(value)))
}

fn children<'a>(schema: &'a Value, group: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    schema
        .get(group)
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn released() -> Value {
        json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "string"}, "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}}},
            "$defs": {"Line": {"type": "object", "properties": {"sku": {"type": "string"}}}}})
    }

    #[test]
    fn a_new_optional_field_is_compatible() {
        let mut new = released();
        new["properties"]["note"] = json!({"type": "string"});
        assert_eq!(incompatibilities(&released(), &new), Vec::<String>::new());
    }

    #[test]
    fn dropping_requiring_and_retyping_a_field_are_each_named() {
        let mut new = released();
        new["required"] = json!(["id", "lines"]);
        new["properties"]["id"] = json!({"type": "integer"});
        new["$defs"]["Line"]["properties"] = json!({});
        assert_eq!(
            incompatibilities(&released(), &new),
            [
                "/properties/lines became required",
                "/properties/id/type changed",
                "/$defs/Line/properties/sku was dropped",
            ]
        );
    }
}
