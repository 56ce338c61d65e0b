//! Routes of the gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::rule;

/// A route of the gateway, as in its own routes file (`docs/operations.md`, "Routes").
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [rule(
    "[has(self.access), has(self.roles), has(self.scopes)].filter(given, given).size() == 1",
    "a route needs one of access (Public or SignedIn), roles (such as [catalog]) and scopes (such as [catalog:read])",
)]))]
pub struct RouteSpec {
    /// Such as `/api/v1/reviews/{id}`: `{name}` is any one segment, `{*name}` at the end all that follow.
    #[schemars(length(min = 1, max = 512), extend("x-kubernetes-validations" = [
        rule(
            r"self.matches('^(/([A-Za-z0-9._~!$&()*+,=:@-]+|[{][A-Za-z0-9_]+[}]))*(/[{][*][A-Za-z0-9_]+[}])?$') && !self.matches('/[.]{1,2}(/|$)')",
            "a path begins with a slash and has no empty segment and nothing encoded, such as /api/v1/reviews/{id}; {*rest} stands at its end",
        ),
        rule(
            "!(self in ['/docs', '/openapi.json', '/healthz', '/livez', '/metrics', '/readyz']) && !self.startsWith('/docs/')",
            "the gateway answers this path itself or never routes it: choose another one",
        ),
    ]))]
    pub path: String,
    /// Such as `[GET, POST]`.
    #[schemars(length(min = 1, max = 7), extend("x-kubernetes-list-type" = "set"))]
    pub methods: Vec<HttpMethod>,
    /// Who may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<RouteAccess>,
    /// Only who has one of these roles; administrators have every role.
    #[schemars(length(min = 1, max = 4), inner(length(max = 32)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Only who has one of these scopes, such as `catalog:write`.
    #[schemars(length(min = 1, max = 8), inner(length(max = 64)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Where it leads, for the gateway's own routes: user, product, order, notification or the name of an extra service.
    #[schemars(length(min = 1, max = 32))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// How long a request may take, in milliseconds. Absent: 30000.
    #[schemars(range(min = 1, max = 3_600_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// How large a body may be, in bytes. Absent: 1048576.
    #[schemars(range(min = 1, max = 1_073_741_824))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<i64>,
    /// How often one caller may use it, instead of the general limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RouteRateLimit>,
    /// Whether the reply is a stream without an end, such as server-sent events.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streaming: bool,
}

/// A method that a route may list.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    /// Reads; allows HEAD too.
    Get,
    /// Reads the headers only.
    Head,
    /// Acts or creates.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// Asks what is possible.
    Options,
}

/// Who may use a route.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteAccess {
    /// Everybody.
    Public,
    /// Who is signed in.
    SignedIn,
}

/// How often one caller may use a route.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteRateLimit {
    /// Requests in a window.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests: i32,
    /// Seconds of a window.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: i32,
    /// At once. Absent: as many as in a window.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<i32>,
}
