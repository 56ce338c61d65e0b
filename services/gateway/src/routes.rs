//! The route table: which request goes where, and what it must show for it.

mod access;
#[cfg(test)]
mod bypass;
mod entry;
mod load;
mod methods;
pub(crate) mod path;
mod table;

use std::time::Duration;

pub use self::access::{Access, Area, Scope};
pub use self::entry::{Mode, RateRule, RouteEntry, RouteFile};
pub use self::load::RoutesError;
pub(crate) use self::load::load;
pub use self::methods::{MethodName, Methods};
pub use self::table::{Found, RouteTable};

/// What the gateway answers itself, and the pages of admin ports, which are never routed.
pub(crate) const RESERVED: [&str; 7] = [
    "/",
    "/docs",
    "/openapi.json",
    "/healthz",
    "/livez",
    "/metrics",
    "/readyz",
];

/// One route, with every default filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its pattern, as it was written; labels its metrics.
    pub pattern: String,
    /// The service it leads to.
    pub upstream: String,
    /// What a caller must show.
    pub access: Access,
    /// Until when the service must have answered completely; of a stream, only until it begins.
    pub timeout: Duration,
    /// The largest body in bytes.
    pub max_body_bytes: u64,
    /// The most bytes of headers.
    pub max_header_bytes: usize,
    /// How often one caller may ask; none: the gateway's general limit.
    pub rate_limit: Option<RateRule>,
    /// Whether the reply is a stream without an end.
    pub streaming: bool,
}
