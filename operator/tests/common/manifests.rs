//! Manifests that people apply.

use std::path::Path;

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt as _};
use serde::Deserialize as _;
use serde_json::{Value, json};

/// Applies all that a file has, in this namespace, or without one where each says. Returns the name of the last platform in it.
pub(crate) async fn apply(client: &Client, file: &Path, namespace: Option<&str>) -> Option<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut platform = None;
    for document in serde_yaml::Deserializer::from_str(&text) {
        let mut object = Value::deserialize(document).unwrap();
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = json!(namespace);
        }
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let types = object.types.clone().unwrap();
        if namespace.is_some() && types.kind == "Namespace" {
            continue;
        }
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).unwrap());
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let parameters = PatchParams::apply("person").force().validation_strict();
        api.patch(&object.name_any(), &parameters, &Patch::Apply(&object))
            .await
            .unwrap();
        if types.kind == "ShopPlatform" {
            platform = Some(object.name_any());
        }
    }
    platform
}
