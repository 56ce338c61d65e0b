//! The entry to the shop.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scale::either_replicas_or_autoscaling;
use super::schema::{self, rule};
use super::{Autoscaling, EnvVar, ExposeSpec, Resources, RouteSpec};

/// The entry to the shop.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = [
    either_replicas_or_autoscaling(),
    rule(
        "!has(self.routes) || self.routes.all(route, has(route.upstream))",
        "each of gateway.routes needs an upstream: the name of the service that it leads to",
    ),
]))]
pub struct GatewaySpec {
    /// How many. Absent: as the profile says. Not together with `autoscaling`.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// As many as the load needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// How it is reached.
    pub expose: ExposeSpec,
    /// How many requests a caller may send. Absent: 100 a second, 1000 at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// Web pages of other origins.
    pub cors: CorsSpec,
    /// More routes, or other ones in place of the built-in ones.
    #[schemars(length(max = 64))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteSpec>,
    /// Processor and memory. What is absent is as the profile says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// More environment variables: settings of the gateway (`SHOP__SECTION__KEY`).
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<EnvVar>,
    /// Merged into the pod template, for what has no field of its own: the escape hatch. Checked by a dry run.
    #[schemars(schema_with = "schema::pod_template")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<Value>,
}

/// How many requests a caller may send: an account if signed in, else an address.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitSpec {
    /// On the average.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: i32,
    /// At once. Absent: ten seconds' worth.
    #[schemars(range(min = 1, max = 10_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<i32>,
}

/// Web pages of other origins.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CorsSpec {
    /// Exact origins, such as `https://shop.example`.
    #[schemars(schema_with = "origins")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
}

fn origins(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {
            "type": "string",
            "maxLength": 300,
            "x-kubernetes-validations": [rule(
                r"self.matches('^https?://[A-Za-z0-9.:\\[\\]-]+$')",
                "an origin is scheme, host and port without a path, such as https://shop.example",
            )],
        },
    })
}
