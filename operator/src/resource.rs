//! The custom resource: what a person writes, as it is written. Everything in it is optional, and nothing in it was judged yet
//! beyond what the schema can see; [`crate::validate`] makes a [`crate::platform::Platform`] of it.
//!
//! Defaults that may change with a version of the operator (`version`, images) are not in the schema: the API server would write
//! them into the stored resource, and freeze them there.

mod access;
mod backing;
mod expose;
mod extra;
mod gateway;
mod images;
mod policies;
mod routes;
mod scale;
mod schema;
mod services;
mod status;
mod storage;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use access::{SecretKeyRef, SecretRef};
pub use backing::{
    BackingMode, BackingServiceSpec, CloudNativePgSpec, ExternalSpec, ManagedSpec, PostgresMode,
    PostgresSpec,
};
pub use expose::{ExposeSpec, ExposeTls, ExposeType, GatewayRef, IssuerKind, IssuerRef};
pub use extra::{ExtraServiceSpec, Need, Protocol};
pub use gateway::{CorsSpec, GatewaySpec, RateLimitSpec};
pub use images::{ImagesSpec, PullPolicy};
pub use policies::{
    AdministratorSpec, BackupSpec, CredentialsSpec, DeletionPolicy, EmailSpec, MonitoringSpec,
    NetworkPolicySpec, NotificationsSpec, PaymentProvider, PaymentsSpec, ServiceMonitorMode,
    SmsSpec,
};
pub use routes::{HttpMethod, RouteAccess, RouteRateLimit, RouteSpec};
pub use scale::{Autoscaling, ResourceList, Resources};
pub use services::{EnvVar, ServiceSpec, ServicesSpec};
pub use status::{
    ComponentState, ComponentStatus, CredentialsStatus, LastGood, Phase, Refused,
    ShopPlatformStatus,
};
pub use storage::StorageSpec;

use schema::rule;

/// The API group.
pub const GROUP: &str = "shopplatform.io";
/// The served version.
pub const VERSION: &str = "v1alpha1";
/// The most characters of a platform's name: with more, labels that are made of it would pass their limit of 63.
pub const NAME_MAX: usize = 24;

/// A shop: gateway, user, product, order and notification services with MongoDB, PostgreSQL and RabbitMQ. `spec: {}` works.
#[derive(CustomResource, JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "shopplatform.io",
    version = "v1alpha1",
    kind = "ShopPlatform",
    plural = "shopplatforms",
    shortname = "shop",
    category = "all",
    namespaced,
    status = "ShopPlatformStatus",
    derive = "PartialEq",
    doc = "A shop: gateway, user, product, order and notification services with MongoDB, PostgreSQL and RabbitMQ. `spec: {}` works.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.ready", description = "components that are ready, of all"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoint"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", priority = "1", json_path = ".status.message"),
    validation = Rule::new("self.metadata.name.size() <= 24")
        .message("the name has more than 24 characters, and labels that are made of it would be too long: choose a shorter one"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name begins with a letter and has small letters, digits and dashes only: Services are named after it")
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    members_are_never_fewer("mongodb"),
    members_are_never_fewer("rabbitmq"),
    rule(
        "!has(self.gateway.routes) || self.gateway.routes.all(route, !has(route.upstream) \
         || route.upstream in ['user', 'product', 'order', 'notification'] \
         || (has(self.services.extra) && self.services.extra.exists(extra, extra.name == route.upstream)))",
        "the upstream of each of gateway.routes is user, product, order, notification or the name of one of services.extra",
    ),
]))]
pub struct ShopPlatformSpec {
    /// The version of the five services, such as 0.1.0. Absent: the newest that this operator knows, also after it was upgraded.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = [rule(
        "self.matches('^(0|[1-9][0-9]{0,5})[.](0|[1-9][0-9]{0,5})[.](0|[1-9][0-9]{0,5})$')",
        "version is three numbers such as 0.1.0; for a build with another name set images.tag",
    )]))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Development: one of everything. Production: two replicas, disruption budgets, spread over nodes, three members of MongoDB and RabbitMQ.
    pub profile: Profile,
    /// Where images come from.
    pub images: ImagesSpec,
    /// The entry to the shop.
    pub gateway: GatewaySpec,
    /// The four services behind the gateway, and your own.
    pub services: ServicesSpec,
    /// The store of the user and product services.
    pub mongodb: BackingServiceSpec,
    /// The store of the order and notification services.
    pub postgres: PostgresSpec,
    /// Events between services.
    pub rabbitmq: BackingServiceSpec,
    /// How customers are told.
    pub notifications: NotificationsSpec,
    /// How orders are paid.
    pub payments: PaymentsSpec,
    /// The first administrator of the shop.
    pub administrator: AdministratorSpec,
    /// Passwords and keys that the operator makes.
    pub credentials: CredentialsSpec,
    /// Who may talk to whom.
    pub network_policy: NetworkPolicySpec,
    /// Copies of the databases. This version makes none.
    pub backup: BackupSpec,
    /// Metrics, alerts and dashboards.
    pub monitoring: MonitoringSpec,
    /// What becomes of data and credentials when the platform is deleted. Retain: disks and Secrets stay, and a platform of the same
    /// name finds them. Delete: nothing stays.
    pub deletion_policy: DeletionPolicy,
    /// Nothing is written but status.
    pub paused: bool,
    /// Everything is scaled to nothing; data stays.
    pub hibernate: bool,
}

/// Members that hold data only grow, also when their number follows from the profile.
fn members_are_never_fewer(server: &str) -> Value {
    let members = |of: &str| {
        let given = format!("{of}.{server}.managed.members");
        format!("(has({given}) ? {given} : ({of}.profile == 'Production' ? 3 : 1))")
    };
    rule(
        &format!(
            "self.{server}.mode == 'External' || {} >= {}",
            members("self"),
            members("oldSelf")
        ),
        &format!(
            "{server} cannot go from 3 members to 1, what they hold could be lost: set {server}.managed.members to 3"
        ),
    )
}

/// How much of everything there is.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// One of everything.
    #[default]
    Development,
    /// Two replicas or more, three members, disruption budgets, spread over nodes.
    Production,
}
