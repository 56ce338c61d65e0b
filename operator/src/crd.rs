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

/// Takes `nullable` away, and writes whole numbers as such.
///
/// The API server drops a `null` where the schema does not allow one, and fills in the default. Where it does, the `null` stays,
/// and a rule would have to ask for it besides `has()`.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| name != "nullable" || !value.is_boolean());
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
    format!("{number:.0}").parse().ok().filter(|_| number.fract() == 0.0)
}
