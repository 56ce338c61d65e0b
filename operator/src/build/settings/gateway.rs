//! Settings of the gateway: its upstreams, its routes, what it lets through.

use serde_json::json;

use super::{Environment, ROUTES_FILE, ROUTES_FOLDER};
use crate::build::addresses;
use crate::platform::{Platform, Role};
use crate::resource::Protocol;

/// How many seconds' worth of requests may come at once, if nothing is said.
const BURST_S: i32 = 10;

pub(super) fn add(environment: &mut Environment, platform: &Platform) {
    if platform.expose.is_behind_a_proxy() {
        environment.set("SHOP__HTTP__TRUSTED_HOPS", "1");
    }
    for workload in &platform.workloads {
        let name = workload.component.as_str().to_uppercase();
        let protocol = match &workload.role {
            Role::Gateway => continue,
            Role::Core(_) => Protocol::H2c,
            Role::Extra(extra) => extra.protocol,
        };
        let upstream = |key: &str| format!("SHOP__UPSTREAMS__{name}__{key}");
        environment.set(&upstream("URL"), addresses::http(platform, workload));
        if let Some(admin) = addresses::admin(platform, workload) {
            environment.set(&upstream("ADMIN_URL"), admin);
        }
        if protocol == Protocol::Http1 {
            environment.set(&upstream("PROTOCOL"), "http1");
        }
    }
    if let Some(limit) = &platform.rate_limit {
        let burst = limit.requests_per_second.saturating_mul(BURST_S);
        let burst = limit.burst.unwrap_or(burst);
        environment.set(
            "SHOP__RATE_LIMIT__REQUESTS",
            limit.requests_per_second.to_string(),
        );
        environment.set("SHOP__RATE_LIMIT__WINDOW_S", "1");
        environment.set("SHOP__RATE_LIMIT__BURST", burst.to_string());
    }
    if !platform.allowed_origins.is_empty() {
        let origins = json!(platform.allowed_origins).to_string();
        environment.set("SHOP__CORS__ORIGINS", origins);
    }
    if routes(platform).is_some() {
        let file = format!("{ROUTES_FOLDER}/{ROUTES_FILE}");
        environment.set("SHOP__ROUTES_FILE", file);
    }
}

/// The routes file of the gateway, which extends the routes of the binary; none if there is nothing to add. It is JSON, which
/// is YAML too.
pub(in crate::build) fn routes(platform: &Platform) -> Option<String> {
    if platform.routes.is_empty() {
        return None;
    }
    let file = json!({"mode": "extend", "routes": platform.routes});
    // With line breaks, for people.
    Some(format!("{file:#}\n"))
}
