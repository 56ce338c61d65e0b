//! The manifests that people copy.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt as _};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::World;
use crate::cluster;

impl World {
    /// Applies one of `examples/`, with its Secrets, in this namespace. Returns the platform's name.
    pub(crate) async fn apply_example(&self, example: &str) -> String {
        let file = cluster::path("examples")
            .join(example)
            .with_extension("yaml");
        let text = std::fs::read_to_string(file).unwrap();
        let mut platform = None;
        for document in serde_yaml::Deserializer::from_str(&text) {
            let mut object = Value::deserialize(document).unwrap();
            object["metadata"]["namespace"] = json!(self.namespace);
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            let types = object.types.clone().unwrap();
            if types.kind == "Namespace" {
                continue;
            }
            let kind = GroupVersionKind::try_from(&types).unwrap();
            let api = Api::<DynamicObject>::namespaced_with(
                self.client.clone(),
                &self.namespace,
                &ApiResource::from_gvk(&kind),
            );
            let parameters = PatchParams::apply("person").validation_strict();
            api.patch(&object.name_any(), &parameters, &Patch::Apply(&object))
                .await
                .unwrap();
            if types.kind == "ShopPlatform" {
                platform = Some(object.name_any());
            }
        }
        platform.unwrap()
    }
}
