//! Which fields of an object are the operator's, and other values for them.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use operator::names::FIELD_MANAGER;
use serde_json::{Value, json};

/// The fields that the operator applied, as JSON pointers: single values, and lists and maps that are one value. Not those by which
/// items of a list are told apart: with another one it is another item, of which there may be no two.
pub(super) fn fields(object: &DynamicObject) -> Vec<String> {
    let entries = object
        .metadata
        .managed_fields
        .as_deref()
        .unwrap_or_default();
    let ours = entries.iter().find(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.is_none()
    });
    let mut found = Vec::new();
    if let Some(fields) = ours.and_then(|entry| entry.fields_v1.as_ref()) {
        walk(&fields.0, &json!(object), String::new(), &mut found);
    }
    found
}

fn walk(fields: &Value, value: &Value, pointer: String, found: &mut Vec<String>) {
    let parts: Vec<_> = fields
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != ".")
        .collect();
    if parts.is_empty() {
        found.push(pointer);
        return;
    }
    for (name, fields) in parts {
        let part = match name.split_once(':') {
            Some(("f", field)) => Some(field.replace('~', "~0").replace('/', "~1")),
            Some(("k", keys)) => item(value, |item| has(item, keys)),
            Some(("v", content)) => item(value, |item| {
                serde_json::from_str::<Value>(content).unwrap() == *item
            }),
            _ => None,
        };
        if let Some(part) = part
            && let Some(value) = value.pointer(&format!("/{part}"))
        {
            let pointer = format!("{pointer}/{part}");
            walk(fields, value, pointer.clone(), found);
            if let Some(keys) = name.strip_prefix("k:") {
                let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap();
                let is_key = |field: &String| {
                    let field = field.strip_prefix(&pointer);
                    field.is_some_and(|field| keys.contains_key(field.trim_start_matches('/')))
                };
                found.retain(|field| !is_key(field));
            }
        }
    }
}

fn item(list: &Value, is_meant: impl Fn(&Value) -> bool) -> Option<String> {
    let place = list.as_array()?.iter().position(is_meant)?;
    Some(place.to_string())
}

/// Whether an item of a list has these keys.
fn has(item: &Value, keys: &str) -> bool {
    let keys: Value = serde_json::from_str(keys).unwrap();
    let mut keys = keys.as_object().into_iter().flatten();
    keys.all(|(key, content)| item.get(key) == Some(content))
}

/// Values that a person may put in its place. Not every one is taken.
pub(super) fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(bool) => vec![json!(!bool)],
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or(0);
            vec![json!(number + 1), json!(number - 1)]
        }
        Value::String(text) => vec![
            json!(format!("{text}x")),
            json!("7Mi"),
            json!("Recreate"),
            json!("Never"),
            json!("Cluster"),
        ],
        Value::Array(items) => match items.split_first() {
            Some((first, rest)) => others(first)
                .into_iter()
                .map(|first| [vec![first], rest.to_vec()].concat().into())
                .collect(),
            None => Vec::new(),
        },
        Value::Object(fields) => {
            let Some((name, value)) = fields.iter().next() else {
                return Vec::new();
            };
            others(value)
                .into_iter()
                .map(|value| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), value);
                    fields.into()
                })
                .collect()
        }
        Value::Null => Vec::new(),
    }
}
