//! The custom resource definition, as `kubectl apply` takes it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

use crate::resource::ShopPlatform;

/// The definition that this operator works with.
pub fn definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    serde_json::from_value(value()?)
}

/// The same as YAML: what is committed as `crds/shopplatforms.yaml`.
pub fn yaml() -> anyhow::Result<String> {
    Ok(format!(
        "# Written by `make generate` from operator/src/resource.rs; do not edit.\n{}",
        serde_yaml::to_string(&value()?)?
    ))
}

fn value() -> Result<Value, serde_json::Error> {
    let mut definition = serde_json::to_value(ShopPlatform::crd())?;
    tidy(&mut definition);
    Ok(definition)
}

/// Takes `nullable` and formats that Kubernetes does not know away, and writes whole numbers as such.
///
/// Of `format: uint32` the API server warns whoever applies the definition; `minimum: 0` says the same.
/// The API server drops a `null` where the schema does not allow one, and fills in the default. Where it does, the `null` stays,
/// and a rule would have to ask for it besides `has()`.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| match name.as_str() {
                "nullable" => !value.is_boolean(),
                "format" => !value
                    .as_str()
                    .is_some_and(|format| format.starts_with("uint")),
                _ => true,
            });
            fields.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().and_then(whole) {
                *value = Value::from(whole);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The number, if it has no fraction. Bounds of the schema are far from where that would be inexact.
fn whole(number: f64) -> Option<i64> {
    format!("{number:.0}")
        .parse()
        .ok()
        .filter(|_| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_definition_is_fresh() {
        let committed = include_str!("../../crds/shopplatforms.yaml");
        assert!(
            committed == yaml().unwrap(),
            "run `make generate` and commit"
        );
    }

    #[test]
    fn every_text_list_and_map_of_the_spec_has_a_maximum() {
        let value = value().unwrap();
        let spec = value
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec")
            .unwrap();
        let mut endless = Vec::new();
        collect_endless("spec", spec, &mut endless);
        assert_eq!(endless, Vec::<String>::new());
    }

    /// Schemas below that allow values of any length.
    fn collect_endless(path: &str, schema: &Value, endless: &mut Vec<String>) {
        let has = |key: &str| schema.get(key).is_some();
        let is_bounded = match schema["type"].as_str() {
            Some("string") => has("maxLength") || has("enum"),
            Some("array") => has("maxItems"),
            Some("object") => has("properties") || has("maxProperties"),
            Some("integer") => {
                has("maximum") || has("x-kubernetes-validations") || path.ends_with(".members")
            }
            _ => schema["type"] == "boolean",
        };
        if !is_bounded {
            endless.push(path.to_owned());
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            collect_endless(&format!("{path}.{name}"), property, endless);
        }
        for below in ["items", "additionalProperties"] {
            if let Some(schema) = schema.get(below) {
                collect_endless(&format!("{path}[]"), schema, endless);
            }
        }
    }
}
