//! The four services behind the gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scale::either_replicas_or_autoscaling;
use super::schema::{self, rule};
use super::{Autoscaling, ExtraServiceSpec, Resources, SecretKeyRef};

/// The four services, and your own.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicesSpec {
    /// Accounts.
    pub user: ServiceSpec,
    /// Catalog and stock.
    pub product: ServiceSpec,
    /// Orders.
    pub order: ServiceSpec,
    /// Mails and the live stream.
    pub notification: ServiceSpec,
    /// Services of your own.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra: Vec<ExtraServiceSpec>,
}

/// One of the four services.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [either_replicas_or_autoscaling()]))]
pub struct ServiceSpec {
    /// How many. Absent: as the profile says. Not together with `autoscaling`.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// As many as the load needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Processor and memory. What is absent is as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// More environment variables: settings of the service (`SHOP__SECTION__KEY`).
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Merged into the pod template, for what has no field of its own: the escape hatch. Checked by a dry run.
    #[schemars(schema_with = "schema::pod_template")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<Value>,
}

/// An environment variable.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "has(self.value) != has(self.secretKeyRef)",
    "a variable has either a value or a secretKeyRef",
)]))]
pub struct EnvVar {
    /// Its name.
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$")
    )]
    pub name: String,
    /// Its value.
    #[schemars(length(max = 4096))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its value is in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}
