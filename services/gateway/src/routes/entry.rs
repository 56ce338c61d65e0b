//! Routes as they are written down.

use serde::Deserialize;

use super::access::Access;
use super::methods::MethodName;

/// A file of routes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteFile {
    /// What becomes of the routes of the binary.
    #[serde(default)]
    pub mode: Mode,
    /// The routes.
    pub routes: Vec<RouteEntry>,
}

/// What becomes of the routes of the binary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// They stay; a path and method that the file lists too leads where the file says.
    #[default]
    Extend,
    /// They are gone.
    Replace,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Segments between slashes: a text, `{name}` for any one, or at the end `{*name}` for all that follow or none.
    pub path: String,
    /// The methods that are let through.
    pub methods: Vec<MethodName>,
    /// The name of the service, as in the setting `upstreams`.
    pub upstream: String,
    /// What a caller must show.
    pub access: Access,
    /// Milliseconds until the service must have answered.
    pub timeout_ms: Option<u64>,
    /// The largest body in bytes.
    pub max_body_bytes: Option<u64>,
    /// The most bytes of headers.
    pub max_header_bytes: Option<usize>,
    /// How often one caller may use it, instead of the general limit.
    pub rate_limit: Option<RateRule>,
    /// Whether the reply is a stream without an end, such as server-sent events.
    #[serde(default)]
    pub streaming: bool,
}

/// How often one caller may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRule {
    /// Requests in a window.
    pub requests: u32,
    /// Seconds of a window.
    pub window_s: u32,
    /// Requests at once; as many as in a window if not said.
    pub burst: Option<u32>,
}
