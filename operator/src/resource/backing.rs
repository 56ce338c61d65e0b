//! The servers that the services use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::rule;
use super::{Resources, SecretRef, StorageSpec};

/// MongoDB or RabbitMQ.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    external_needs_its_secret(),
    external_is_for_its_mode(),
    the_mode_stays(),
    rule(
        "!has(self.managed.members) || self.managed.members in [1, 3]",
        "members is 1 or 3: an even number survives no more failures than one fewer",
    ),
]))]
pub struct BackingServiceSpec {
    /// Who runs it. Managed: the operator. External: somebody else, the Secret of `external.secretRef` says where it is. It cannot be
    /// changed.
    pub mode: BackingMode,
    /// How the operator runs it.
    pub managed: ManagedSpec,
    /// Where it is, if others run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSpec>,
}

fn external_needs_its_secret() -> Value {
    rule(
        "self.mode != 'External' || has(self.external)",
        "mode External needs external.secretRef: a Secret whose key `uri` says where the server is",
    )
}

fn external_is_for_its_mode() -> Value {
    rule(
        "self.mode == 'External' || !has(self.external)",
        "external is for mode External only: set the mode, or remove external",
    )
}

fn the_mode_stays() -> Value {
    rule(
        "self.mode == oldSelf.mode",
        "the mode cannot be changed, the data would stay behind on the old server: make a new platform and move the data",
    )
}

/// Who runs a server.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackingMode {
    /// The operator.
    #[default]
    Managed,
    /// Somebody else; the Secret of `external.secretRef` says where it is.
    External,
}

/// How the operator runs a server.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedSpec {
    /// 1 or 3. Absent: as the profile says. It can grow, and never shrinks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<i32>,
    /// A whole image reference. Absent: the operator's own default.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^\S+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The disk of each member.
    pub storage: StorageSpec,
    /// Processor and memory of each member. What is absent is as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// A server that others run.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSpec {
    /// Keys: `uri`, or one `<service>.uri` each; `adminUri` to have users and databases made; `managementUri` of RabbitMQ; `ca.crt`.
    pub secret_ref: SecretRef,
}

/// PostgreSQL.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    external_needs_its_secret(),
    external_is_for_its_mode(),
    the_mode_stays(),
    rule(
        "!has(self.managed.members) || self.managed.members == 1",
        "managed PostgreSQL has one member: use mode CloudNativePG for more",
    ),
    rule(
        "self.mode == 'CloudNativePG' || !has(self.cloudNativePG.instances)",
        "cloudNativePG.instances is for mode CloudNativePG only: set the mode, or remove it",
    ),
]))]
pub struct PostgresSpec {
    /// Who runs it. Managed: the operator, one server. `CloudNativePG`: that operator, which must be installed. External: somebody
    /// else, the Secret of `external.secretRef` says where it is. It cannot be changed.
    pub mode: PostgresMode,
    /// How the operator runs it.
    pub managed: ManagedSpec,
    /// How `CloudNativePG` runs it.
    #[serde(rename = "cloudNativePG")]
    pub cloud_native_pg: CloudNativePgSpec,
    /// Where it is, if others run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSpec>,
}

/// Who runs PostgreSQL.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PostgresMode {
    /// The operator.
    #[default]
    Managed,
    /// `CloudNativePG`, which must be installed.
    #[serde(rename = "CloudNativePG")]
    CloudNativePg,
    /// Somebody else; the Secret of `external.secretRef` says where it is.
    External,
}

/// A `Cluster` of `CloudNativePG`.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CloudNativePgSpec {
    /// How many. Absent: 1 in Development, 3 in Production.
    #[schemars(range(min = 1, max = 9))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<i32>,
    /// The disk of each.
    pub storage: StorageSpec,
}
