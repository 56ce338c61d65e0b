//! Every child, as it is written: for the two profiles all of them, for other specs what differs from `spec: {}`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use operator::child::{Child, ChildKey, Writing};
use operator::names::{BUILT_HASH, TEMPLATE_HASH};
use serde_json::{Value, json};

use crate::platforms::{built, children, found, named};
use crate::specs;

#[test]
fn the_children_of_every_spec_are_as_they_were_reviewed() {
    let base = children(json!({}));
    for (name, spec) in specs::all() {
        if spec == json!({}) {
            continue;
        }
        insta::assert_snapshot!(name, differences(&base, &children(spec)));
    }
}

#[test]
fn the_children_of_an_empty_spec_are_as_they_were_reviewed() {
    let mut by_component: BTreeMap<String, Vec<Child>> = BTreeMap::new();
    for child in children(json!({})) {
        let component = &child.object["metadata"]["labels"]["app.kubernetes.io/name"];
        let component = component.as_str().unwrap().to_owned();
        by_component.entry(component).or_default().push(child);
    }
    for (component, children) in by_component {
        let texts: Vec<_> = children.iter().map(text).collect();
        insta::assert_snapshot!(format!("development {component}"), texts.join("---\n"));
    }
}

#[test]
fn a_second_generation_of_passwords_and_keys_is_beside_the_first() {
    let mut found = found();
    found.credentials = 2;
    let rotated = built(&named("demo", json!({}), &found));
    insta::assert_snapshot!(differences(&children(json!({})), &rotated));
}

/// What is new, what is gone, and of what changed the parts that did.
fn differences(base: &[Child], other: &[Child]) -> String {
    let by_key = |children: &[Child]| -> BTreeMap<ChildKey, Child> {
        children
            .iter()
            .map(|child| (without_hash(&child.key), child.clone()))
            .collect()
    };
    let (base, other) = (by_key(base), by_key(other));
    let mut texts = Vec::new();
    for (key, child) in &other {
        match base.get(key) {
            None => texts.push(format!("# added\n{}", text(child))),
            Some(before) => {
                let mut lines = String::new();
                if before.writing != child.writing {
                    writeln!(lines, "{}", writing(child)).unwrap();
                }
                changes(&mut lines, "", &stable(before), &stable(child));
                if !lines.is_empty() {
                    texts.push(format!("# {key}\n{lines}"));
                }
            }
        }
    }
    for key in base.keys().filter(|key| !other.contains_key(key)) {
        texts.push(format!("# removed {key}\n"));
    }
    texts.join("---\n")
}

/// What is named after its content is compared with the one that it takes the place of.
fn without_hash(key: &ChildKey) -> ChildKey {
    let is_hash = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let name = match key.name.rsplit_once('-') {
        Some((name, hash)) if is_hash(hash) => name.to_owned(),
        _ => key.name.clone(),
    };
    ChildKey {
        name,
        ..key.clone()
    }
}

/// A line for each value that is not the same, with its path.
fn changes(lines: &mut String, path: &str, before: &Value, after: &Value) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let value = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                changes(
                    lines,
                    &format!("{path}.{key}"),
                    &value(before),
                    &value(after),
                );
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                changes(lines, &format!("{path}[{index}]"), before, after);
            }
        }
        (before, after) if before == after => {}
        (before, after) => writeln!(lines, "{path}: {before} -> {after}").unwrap(),
    }
}

fn text(child: &Child) -> String {
    let yaml = serde_yaml::to_string(&stable(child)).unwrap();
    format!("# {}: {}\n{yaml}", child.key, writing(child))
}

fn writing(child: &Child) -> String {
    match &child.writing {
        Writing::Apply => "applied".to_owned(),
        Writing::After(others) => {
            let names: Vec<_> = others.iter().map(|key| key.name.as_str()).collect();
            format!("applied after {}", names.join(", "))
        }
        Writing::CreateOnce(drawn) => format!("created once with {drawn:?}"),
    }
}

/// Without hashes of itself and its pod template, which change with everything else in it.
fn stable(child: &Child) -> Value {
    let mut object = child.object.clone();
    let metadata = object["metadata"].as_object_mut().unwrap();
    let annotations = metadata["annotations"].as_object_mut().unwrap();
    annotations.remove(BUILT_HASH).unwrap();
    annotations.remove(TEMPLATE_HASH);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    object
}
