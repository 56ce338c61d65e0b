//! One document from many.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use serde_json::{Map, Value, json};

use super::answers;
use crate::routes::{Found, MethodName, Route, RouteTable};

/// The operations of a path item.
const OPERATIONS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// What was ever heard from each service.
#[derive(Default)]
pub(super) struct Known(BTreeMap<String, Value>);

impl Known {
    /// Takes what services said; gives the names of those that said nothing. Of these the last word stands.
    pub(super) fn learn(&mut self, said: BTreeMap<String, Option<Value>>) -> BTreeSet<String> {
        let mut silent = BTreeSet::new();
        for (name, document) in said {
            match document {
                Some(document) => {
                    self.0.insert(name, document);
                }
                None => {
                    silent.insert(name);
                }
            }
        }
        silent
    }

    /// Whether something is known of a service.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The gateway's own description with what is known of the services, as far as routes lead to it. `silent` are those
/// that did not answer just now: the document says so.
pub(super) fn merge(
    own: Value,
    known: &Known,
    silent: &BTreeSet<String>,
    routes: &RouteTable,
) -> Value {
    let mut merged = own;
    let mut operation_ids = BTreeSet::new();
    for (name, document) in &known.0 {
        let names = add_components(&mut merged, name, document);
        add_paths(
            &mut merged,
            name,
            document,
            &names,
            routes,
            &mut operation_ids,
        );
        add_tags(&mut merged, document);
    }
    let (stale, missing): (Vec<&String>, Vec<&String>) =
        silent.iter().partition(|name| known.has(name));
    if let Some(info) = merged.get_mut("info").and_then(Value::as_object_mut) {
        let title = json!("The shop");
        info.insert("title".to_owned(), title);
        info.insert("x-missing-services".to_owned(), json!(missing));
        info.insert("x-stale-services".to_owned(), json!(stale));
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(|name| name.as_str()).collect();
            let note = format!(
                "Not described here, because they do not answer: {}.",
                missing.join(", ")
            );
            let text = info
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let text = format!("{text}\n\n{note}");
            info.insert("description".to_owned(), json!(text.trim()));
        }
    }
    merged
}

/// References by their old text, with their new.
type Names = BTreeMap<String, String>;

/// Adds the components; one that differs from another of its name gets its service's name in front.
fn add_components(merged: &mut Value, service: &str, document: &Value) -> Names {
    let Some(sections) = document.get("components").and_then(Value::as_object) else {
        return Names::new();
    };
    let names = match merged.get("components") {
        Some(target) => new_names(target, service, sections),
        None => Names::new(),
    };
    for (section, components) in sections {
        for (name, component) in components.as_object().into_iter().flatten() {
            let reference = reference(section, name);
            let name = names
                .get(&reference)
                .and_then(|reference| reference.rsplit('/').next())
                .unwrap_or(name);
            if let Some(place) = within(merged, &["components", section, name]) {
                *place = renamed(component, &names);
            }
        }
    }
    names
}

/// What must be called otherwise: what differs from its namesake, and then what differs because it refers to such.
fn new_names(target: &Value, service: &str, sections: &Map<String, Value>) -> Names {
    let mut names = Names::new();
    loop {
        let before = names.len();
        for (section, components) in sections {
            for (name, component) in components.as_object().into_iter().flatten() {
                let reference = reference(section, name);
                let other = target.get(section).and_then(|section| section.get(name));
                let differs = other.is_some_and(|other| *other != renamed(component, &names));
                if differs && !names.contains_key(&reference) {
                    let name = format!("{}{name}", capitalised(service));
                    names.insert(reference, self::reference(section, &name));
                }
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

fn add_paths(
    merged: &mut Value,
    service: &str,
    document: &Value,
    names: &Names,
    routes: &RouteTable,
    operation_ids: &mut BTreeSet<String>,
) {
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        // Every service describes the administration of its own messages under the same pattern.
        let own_path = path.replace("{service}", service);
        let shared: Map<String, Value> = item
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| !OPERATIONS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), renamed(value, names)))
            .collect();
        for operation in OPERATIONS {
            let Some(described) = item.get(operation) else {
                continue;
            };
            let Some(route) = leads_to(routes, operation, &own_path, service) else {
                continue;
            };
            let mut described = renamed(described, names);
            complete(&mut described, service, *path != own_path, operation_ids);
            if let Some(described) = described.as_object_mut() {
                answers::add(described, route);
            }
            if let Some(place) = within(merged, &["paths", &own_path])
                && place.is_null()
            {
                *place = Value::Object(shared.clone());
            }
            if let Some(place) = within(merged, &["paths", &own_path, operation]) {
                *place = described;
            }
        }
    }
}

/// Gives an operation what the merged document needs: a tag, an id of its own, no parameter that became a text.
fn complete(
    operation: &mut Value,
    service: &str,
    without_service: bool,
    operation_ids: &mut BTreeSet<String>,
) {
    let Some(operation) = operation.as_object_mut() else {
        return;
    };
    if without_service
        && let Some(parameters) = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut)
    {
        parameters.retain(|parameter| parameter.get("name") != Some(&json!("service")));
    }
    operation.entry("tags").or_insert_with(|| json!([service]));
    if let Some(Value::String(id)) = operation.get_mut("operationId")
        && !operation_ids.insert(id.clone())
    {
        *id = format!("{service}_{id}");
        operation_ids.insert(id.clone());
    }
}

/// The route by which the gateway forwards such requests to this service.
fn leads_to<'a>(
    routes: &'a RouteTable,
    operation: &str,
    pattern: &str,
    service: &str,
) -> Option<&'a Route> {
    let segments = pattern.split('/').map(|segment| {
        if segment.starts_with('{') {
            "x"
        } else {
            segment
        }
    });
    let sample = segments.collect::<Vec<_>>().join("/");
    let method = Method::from_bytes(operation.to_uppercase().as_bytes()).ok();
    let method = method.as_ref().and_then(MethodName::of);
    match routes.find(method, &sample) {
        Found::Route(route, _) if route.upstream == service => Some(route),
        _ => None,
    }
}

fn add_tags(merged: &mut Value, document: &Value) {
    let tags = document.get("tags").and_then(Value::as_array);
    for tag in tags.into_iter().flatten() {
        let known = merged
            .as_object_mut()
            .map(|merged| merged.entry("tags").or_insert_with(|| json!([])));
        if let Some(known) = known.and_then(Value::as_array_mut)
            && !known
                .iter()
                .any(|other| other.get("name") == tag.get("name"))
        {
            known.push(tag.clone());
        }
    }
}

/// The value with its references called by their new names.
fn renamed(value: &Value, names: &Names) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| match value {
                Value::String(text) if key == "$ref" => {
                    let text = names.get(text).unwrap_or(text);
                    (key.clone(), Value::String(text.clone()))
                }
                value => (key.clone(), renamed(value, names)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| renamed(item, names)).collect(),
        other => other.clone(),
    }
}

/// The place under these keys; objects on the way are made.
fn within<'a>(value: &'a mut Value, keys: &[&str]) -> Option<&'a mut Value> {
    keys.iter().try_fold(value, |value, key| {
        if value.is_null() {
            *value = json!({});
        }
        let entries = value.as_object_mut()?;
        Some(entries.entry(*key).or_insert(Value::Null))
    })
}

fn reference(section: &str, name: &str) -> String {
    format!("#/components/{section}/{name}")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
