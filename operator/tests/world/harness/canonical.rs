//! Objects without what differs between two that were made in the same way.

use kube::api::DynamicObject;
use serde_json::{Value, json};

/// Labels, annotations and fields that others set, differently each time.
const OF_OTHERS: [&str; 14] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "volumeName",
    "controller-uid",
    "batch.kubernetes.io/controller-uid",
    "volume.kubernetes.io/selected-node",
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
];

/// What is the same for all that were made in the same way: namespaces, hashes (which depend on them), passwords and what others set
/// are left out. Status too.
pub(super) fn canonical(object: &DynamicObject, namespace: &str) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    let fields = value.as_object_mut().unwrap();
    fields.remove("status");
    if let Some(data) = fields.get_mut("data").and_then(Value::as_object_mut)
        && object
            .types
            .as_ref()
            .is_some_and(|types| types.kind == "Secret")
    {
        for content in data.values_mut() {
            *content = json!(content.as_str().unwrap_or_default().len());
        }
    }
    reduce(&mut value, namespace);
    value
}

fn reduce(value: &mut Value, namespace: &str) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !OF_OTHERS.contains(&key.as_str()));
            for field in fields.values_mut() {
                reduce(field, namespace);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| reduce(item, namespace)),
        Value::String(text) => *text = without_hashes(&text.replace(namespace, "NAMESPACE")),
        _ => {}
    }
}

/// With `#` for each word of 8 or 16 hexadecimal digits.
pub(crate) fn without_hashes(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut word = String::new();
    for next in text.chars().map(Some).chain([None]) {
        match next {
            Some(letter) if letter.is_ascii_alphanumeric() => word.push(letter),
            other => {
                let is_hash = matches!(word.len(), 8 | 16)
                    && word
                        .chars()
                        .all(|letter| matches!(letter, '0'..='9' | 'a'..='f'));
                all.push_str(if is_hash { "#" } else { &word });
                word.clear();
                all.extend(other);
            }
        }
    }
    all
}

/// Which children there are in one place only.
pub(crate) fn differences(expected: &[Value], found: &[Value]) -> Vec<String> {
    let missing = expected.iter().filter(|child| !found.contains(child));
    let besides = found.iter().filter(|child| !expected.contains(child));
    let mut differences: Vec<_> = missing
        .map(|child| format!("  there is no {child}"))
        .chain(besides.map(|child| format!("  there is {child}")))
        .collect();
    if differences.is_empty() && expected.len() != found.len() {
        differences.push(format!(
            "  {} children, not {}",
            found.len(),
            expected.len()
        ));
    }
    differences
}

#[test]
fn hashes_are_left_out_and_nothing_else() {
    assert_eq!(
        without_hashes("demo-order-01ab89ef: 0123456789abcdef, decade, 1234567 12345678x"),
        "demo-order-#: #, decade, 1234567 12345678x"
    );
}
