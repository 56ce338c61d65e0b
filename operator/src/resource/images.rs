//! Where images come from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SecretRef;
use super::schema;

/// Where images come from.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImagesSpec {
    /// Registry and folder before each image's name, such as `registry.example.com/shop`. Absent: the operator's own default.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"^[^\s/]+(/[^\s/]+)*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The tag of the services' images. Absent: the version.
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// When nodes look for a newer image of the same tag.
    pub pull_policy: PullPolicy,
    /// Secrets with passwords of registries.
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pull_secrets: Vec<SecretRef>,
    /// Whole image references by component: gateway, user, product, order, notification, shopctl.
    #[schemars(schema_with = "schema::image_overrides")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, String>,
}

/// When nodes pull an image.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Only if the node does not have it.
    #[default]
    IfNotPresent,
    /// Each time a container starts.
    Always,
    /// The node has it already.
    Never,
}
