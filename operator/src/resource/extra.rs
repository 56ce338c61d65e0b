//! Services that people add.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scale::either_replicas_or_autoscaling;
use super::schema::rule;
use super::{Autoscaling, EnvVar, Resources, RouteSpec};

/// A service of your own behind the gateway. It is given `POSTGRES_URL`, `MONGODB_URL` and `BROKER_URL` as it needs them.
#[derive(JsonSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    either_replicas_or_autoscaling(),
    rule(
        "!has(self.routes) || self.routes.all(route, !has(route.upstream))",
        "routes of an extra service lead to it: remove upstream, or put the route into gateway.routes",
    ),
    rule(
        "!(has(self.tells) || has(self.hears)) || (has(self.needs) && 'rabbitmq' in self.needs)",
        "tells and hears need the broker: add rabbitmq to needs",
    ),
]))]
pub struct ExtraServiceSpec {
    /// Its name: small letters, digits and dashes, a letter first, at most 20. Also that of its database and of its queues' first word.
    #[schemars(length(min = 1, max = 20), extend("x-kubernetes-validations" = [
        rule(
            "self.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "the name begins with a letter and has small letters, digits and dashes only: Services are named after it",
        ),
        rule(
            "!(self in ['gateway', 'user', 'product', 'order', 'notification', 'shopctl', 'provision', 'mongodb', 'postgres', \
             'rabbitmq', 'default', 'shop', 'amq', 'admin', 'local', 'config']) && \
             !self.matches('^(gateway|mongodb|postgres|rabbitmq)-|-migrate$')",
            "the name is taken by a part of the platform, or by a database or exchange of its servers: choose another one",
        ),
    ]))]
    pub name: String,
    /// Its image. If it needs MongoDB or PostgreSQL, it is run once with the arguments `migrate --wait SECONDS` before it starts.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^\S+$"))]
    pub image: String,
    /// Where it listens.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// Its routes in the gateway.
    #[schemars(length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// What it is given a database, a user or queues on.
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<Need>,
    /// The first words of its events: `review` lets it publish `review.….v1`.
    #[schemars(
        length(max = 16),
        inner(length(max = 50), regex(pattern = "^[a-z][a-z0-9_]*$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tells: Vec<String>,
    /// The events that its queues may be bound to, such as `order.delivered.v1`.
    #[schemars(
        length(max = 64),
        inner(length(max = 128), regex(pattern = "^[a-z0-9_]+([.][a-z0-9_]+){2,}$")),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hears: Vec<String>,
    /// How many. Absent: as the profile says. Not together with `autoscaling`.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// As many as the load needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// Processor and memory. What is absent is as the profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// More environment variables.
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
}

/// What a service speaks.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// HTTP/2 with prior knowledge: what a service built on `service-kit` speaks.
    #[default]
    H2c,
    /// HTTP/1.1.
    Http1,
}

/// A back-end that a service of your own uses.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// A database and a user on MongoDB, by `MONGODB_URL`.
    Mongodb,
    /// A database and a user on PostgreSQL, by `POSTGRES_URL`.
    Postgres,
    /// A user on RabbitMQ with its own queues, by `BROKER_URL`.
    Rabbitmq,
}
