//! What holds for the whole platform.

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{self, rule};
use super::{SecretKeyRef, SecretRef};

/// How customers are told.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NotificationsSpec {
    /// Mails. Absent: they are written to a folder of the pod, and lost with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailSpec>,
    /// Short messages. This version sends none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms: Option<SmsSpec>,
}

/// A mail server.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EmailSpec {
    /// `smtp://user:password@host:587` or `smtps://…`.
    pub smtp_url_secret_ref: SecretKeyRef,
    /// Who mails are from, such as `Shop <shop@example.com>`.
    #[schemars(length(min = 3, max = 320), extend("x-kubernetes-validations" = [rule(
        "self.matches('[^@<> ]@[^@<> ]')",
        "from is a mail address, such as Shop <shop@example.com>",
    )]))]
    pub from: String,
}

/// A provider of short messages.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SmsSpec {
    /// Its URL with key.
    pub url_secret_ref: SecretKeyRef,
}

/// How orders are paid.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PaymentsSpec {
    /// By whom. This version has Manual only: outside of the shop, an order is confirmed as soon as its stock is held.
    pub provider: PaymentProvider,
    /// Its keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// Who takes payments.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaymentProvider {
    /// Outside of the shop: an order is confirmed as soon as its stock is held.
    #[default]
    Manual,
    /// A provider that pretends, for trials.
    Sandbox,
    /// Stripe.
    Stripe,
}

/// The first administrator.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AdministratorSpec {
    /// Their address. Absent: admin@shop.example.
    #[schemars(length(max = 254), extend("x-kubernetes-validations" = [rule(
        "self.matches('^[^@<> ]+@[^@<> ]+$')",
        "email is a mail address, such as admin@shop.example",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their first password. Absent: one is made, in the Secret `<platform>-administrator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyRef>,
}

/// Passwords and keys that the operator makes.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialsSpec {
    /// How old they get, such as `90d` or `12h`; at least an hour. Absent: they are changed only by hand.
    #[schemars(length(max = 16), extend("x-kubernetes-validations" = [rule(
        "self.matches('^[1-9][0-9]{0,4}[hd]$')",
        "rotateAfter is a number of hours or days, such as 12h or 90d",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_after: Option<String>,
}

/// Who may talk to whom.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicySpec {
    /// Whether pods of the platform may only talk to whom they need.
    pub enabled: bool,
    /// Peers as in a `NetworkPolicy` that may talk to the gateway. Absent: everybody.
    #[schemars(schema_with = "schema::peers")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress_from: Vec<NetworkPolicyPeer>,
    /// Peers as in a `NetworkPolicy` that all pods may talk to besides: servers outside the cluster.
    #[schemars(schema_with = "schema::peers")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub egress_to: Vec<NetworkPolicyPeer>,
}

impl Default for NetworkPolicySpec {
    fn default() -> Self {
        Self {
            enabled: true,
            ingress_from: Vec::new(),
            egress_to: Vec::new(),
        }
    }
}

/// Copies of the databases. This version makes none.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupSpec {
    /// When, as cron says it.
    #[schemars(length(max = 64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The claim of the disk that takes them.
    #[schemars(length(max = 253))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// How many are kept. Absent: 7.
    #[schemars(range(min = 1, max = 365))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<i32>,
}

/// Metrics, alerts and dashboards.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MonitoringSpec {
    /// Whether the Prometheus operator is told of every service. Auto: where its API exists.
    pub service_monitors: ServiceMonitorMode,
}

/// Whether there are `ServiceMonitor`s.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceMonitorMode {
    /// Where the API `monitoring.coreos.com` exists.
    #[default]
    Auto,
    /// Always; a missing API is told in status.
    Enabled,
    /// Never.
    Disabled,
}

/// What becomes of data and credentials when the platform is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// Disks and Secrets stay, and a platform of the same name finds them.
    #[default]
    Retain,
    /// Nothing stays.
    Delete,
}
