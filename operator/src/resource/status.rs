//! What the operator tells.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// How the platform is.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ShopPlatformStatus {
    /// The generation of the spec that all below is about.
    pub observed_generation: i64,
    /// In one word.
    pub phase: Phase,
    /// In one sentence: what is waited for, or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Components that are ready, of all, such as `7/8`.
    pub ready: String,
    /// The version of the services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The operator that owns the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// A digest of what was applied: an operator that starts knows by it whether anybody changed it in the meantime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// What is gone back to when a rollout fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good: Option<LastGood>,
    /// Passwords and keys that the operator made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// What the spec asked for and could not be rolled out: the last good release runs in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// A digest of the spec and of what it points to, as they were last rolled out: what is built differently without a change of
    /// these is so because the operator is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Where the gateway is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `Reconciled`, `Ready`, `Progressing`, `Degraded`; reasons are listed in docs/operations.md.
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Each part.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub components: Vec<ComponentStatus>,
}

/// How the passwords and keys that the operator made stand.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialsStatus {
    /// The generation that services have, or are given, from 1.
    pub generation: u32,
    /// Whether the generation before is still there.
    pub rotating: bool,
    /// When the next one is begun, if the platform is ready then: `credentials.rotateAfter` after this one.
    #[schemars(schema_with = "schema::time")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
}

/// The platform in one word.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Not looked at yet.
    #[default]
    Pending,
    /// On its way to what the spec says.
    Progressing,
    /// As the spec says.
    Ready,
    /// It works, but not as the spec says.
    Degraded,
    /// The spec cannot be carried out; the message says why.
    Failed,
    /// Nothing is written, as the spec says.
    Paused,
    /// Scaled to nothing, as the spec says.
    Hibernated,
}

impl Phase {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Progressing => "Progressing",
            Self::Ready => "Ready",
            Self::Degraded => "Degraded",
            Self::Failed => "Failed",
            Self::Paused => "Paused",
            Self::Hibernated => "Hibernated",
        }
    }
}

/// The state that a failed rollout goes back to.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastGood {
    /// The `ControllerRevision`.
    pub revision: String,
}

/// What could not be rolled out.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refused {
    /// A digest of the spec, of Secrets that it points to, and of the release: while it is the same, it is not tried again.
    pub attempt: String,
    /// Which component failed, why, and what to do.
    pub message: String,
}

/// One part of the platform.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentStatus {
    /// Such as `order`.
    pub name: String,
    /// Such as `Deployment`.
    pub kind: String,
    /// Replicas there should be.
    pub desired: i32,
    /// Replicas that are ready.
    pub ready: i32,
    /// The image that it should run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// In one word.
    pub state: ComponentState,
    /// What is waited for, or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A part in one word.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComponentState {
    /// Something else has to be there first.
    #[default]
    Waiting,
    /// On its way to what the spec says.
    Progressing,
    /// As the spec says.
    Ready,
    /// The spec cannot be carried out; the message says why.
    Failed,
    /// Scaled to nothing.
    Stopped,
}
