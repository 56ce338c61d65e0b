//! Routes of the gateway.

use serde::Serialize;

use crate::resource::HttpMethod;

/// A route; its JSON is an entry of the gateway's own routes file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The pattern.
    pub path: String,
    /// The methods that are let through, sorted, each once.
    pub methods: Vec<HttpMethod>,
    /// The service that it leads to.
    pub upstream: String,
    /// What a caller must show.
    pub access: Access,
    /// Milliseconds until the service must have answered; none: the gateway's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
    /// The largest body in bytes; none: the gateway's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<i64>,
    /// How often one caller may use it; none: the gateway's own limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RouteRate>,
    /// Whether the reply is a stream without an end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub streaming: bool,
}

/// What a caller must show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing.
    Public,
    /// An access token.
    SignedIn,
    /// That of an account with one of these roles.
    Roles(Vec<String>),
    /// That of an account with one of these scopes.
    Scopes(Vec<String>),
}

/// How often one caller may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RouteRate {
    /// Requests in a window.
    pub requests: i32,
    /// Seconds of a window.
    pub window_s: i32,
    /// Requests at once; none: as many as in a window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<i32>,
}
