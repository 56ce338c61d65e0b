//! Changes of a spec, from the definition.

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::curated;

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    /// As a merge patch of the spec.
    pub(super) patch: Value,
    /// What a message has to name if the change is a mistake on purpose.
    pub(super) mistake: Option<&'static str>,
}

/// All that the definition allows to say, or nearly.
pub(super) struct Mutations(Vec<Mutation>);

impl Mutations {
    pub(super) fn of_the_definition() -> Self {
        let definition: Value = serde_yaml::from_str(&operator::crd::yaml().unwrap()).unwrap();
        let spec = definition
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")
            .unwrap();
        let mut all = Vec::new();
        collect(spec, &mut Vec::new(), &mut all);
        assert!(all.len() > 500, "{}", all.len());
        let mut all: Vec<_> = all
            .into_iter()
            .map(|patch| Mutation {
                patch,
                mistake: None,
            })
            .collect();
        // Those that people think up are as frequent as those of all fields together.
        let curated = curated::all();
        let times = all.len().div_ceil(curated.len());
        all.extend(
            curated
                .into_iter()
                .flat_map(|mutation| std::iter::repeat_n(mutation, times)),
        );
        Self(all)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn draw(&self, generator: &mut StdRng) -> Mutation {
        self.0[generator.random_range(0..self.0.len())].clone()
    }
}

fn collect(schema: &Value, path: &mut Vec<String>, all: &mut Vec<Value>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            path.push(name.clone());
            collect(schema, path, all);
            path.pop();
        }
        return;
    }
    let name = path.last().cloned().unwrap_or_default();
    all.extend(
        values(schema, &name)
            .into_iter()
            .map(|value| at(path, value)),
    );
    all.push(at(path, Value::Null));
}

fn at(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |value, name| {
        Value::Object(Map::from_iter([(name.clone(), value)]))
    })
}

/// Values that a person may write there, also such that the schema refuses.
fn values(schema: &Value, name: &str) -> Vec<Value> {
    if let Some(options) = schema.get("enum").and_then(Value::as_array) {
        return options.iter().cloned().chain([json!("Nonsense")]).collect();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => vec![json!(true), json!(false)],
        Some("integer") => integers(schema, name),
        Some("string") => strings(schema, name),
        Some("array") => {
            let items = schema.get("items").map(|items| item(items, name));
            let items = items.into_iter().flatten();
            items.map(|item| json!([item])).chain([json!([])]).collect()
        }
        Some("object") => match schema.get("additionalProperties") {
            Some(schema) => {
                let values = values(schema, name).into_iter();
                let of = |value| json!({"order": value});
                values.map(of).chain([json!({})]).collect()
            }
            None => vec![json!({}), json!({"nonsense": "nonsense"})],
        },
        _ => Vec::new(),
    }
}

/// Items of a list: each required field with its first value.
fn item(schema: &Value, name: &str) -> Vec<Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return values(schema, name);
    };
    let required = schema.get("required").and_then(Value::as_array);
    let mut whole = Map::new();
    for field in required.into_iter().flatten().filter_map(Value::as_str) {
        let first = values(&properties[field], field).into_iter().next();
        whole.insert(field.to_owned(), first.unwrap_or(Value::Null));
    }
    let further = properties
        .iter()
        .filter(|(field, _)| !whole.contains_key(*field));
    let further: Vec<_> = further
        .filter_map(|(field, schema)| {
            let value = values(schema, field).into_iter().next()?;
            let mut whole = whole.clone();
            whole.insert(field.clone(), value);
            Some(Value::Object(whole))
        })
        .collect();
    [vec![Value::Object(whole)], further].concat()
}

/// The ends of the range, and what is past them. Not so many that the machine is busy with nothing else.
fn integers(schema: &Value, name: &str) -> Vec<Value> {
    let (least, most) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
    let mut numbers = vec![1, 2, 3, 0, -1, 2_147_483_648];
    numbers.extend(least.into_iter().chain(least.map(|least| least - 1)));
    numbers.extend(most.map(|most| most + 1));
    // Nothing is measured here: an autoscaler never makes fewer of what it finds, if it may have so many.
    if !matches!(name, "minReplicas" | "maxReplicas") {
        numbers.extend(most);
    }
    numbers.into_iter().map(|number| json!(number)).collect()
}

fn strings(schema: &Value, name: &str) -> Vec<Value> {
    let most = schema["maxLength"]
        .as_u64()
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(63);
    let mut texts: Vec<String> = curated::texts(name)
        .iter()
        .map(|text| (*text).to_owned())
        .collect();
    texts.extend([
        "a".repeat(most),
        "a".repeat(most + 1),
        String::new(),
        "ä b".to_owned(),
    ]);
    texts.into_iter().map(|text| json!(text)).collect()
}
