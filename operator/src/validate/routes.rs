//! Routes of the gateway. A wrong one would keep the gateway from starting, so all that it refuses is refused here.

use std::collections::{BTreeMap, BTreeSet};

use contracts::Role;

use super::{Findings, Parsing, Reason};
use crate::platform::{Access, CoreService, Route, RouteRate};
use crate::resource::{HttpMethod, RouteAccess, RouteSpec, ShopPlatformSpec};

/// Those of the gateway, then those of extra services.
pub(super) fn of(parsing: &mut Parsing<'_>) -> Vec<Route> {
    let spec = parsing.spec;
    let names = upstreams(spec);
    let mut room = Room {
        findings: &mut parsing.findings,
        taken: BTreeMap::new(),
    };
    let mut routes = Vec::new();
    for (index, route) in spec.gateway.routes.iter().enumerate() {
        let field = format!("gateway.routes[{index}]");
        let upstream = route.upstream.as_deref().unwrap_or_default();
        room.findings
            .expect(names.contains(upstream), Reason::SpecInvalid, || {
                let names: Vec<_> = names.iter().copied().collect();
                format!(
                    "{field}.upstream is `{upstream}`: write one of {}",
                    names.join(", ")
                )
            });
        routes.push(room.route(&field, route, upstream));
    }
    for extra in &spec.services.extra {
        for (index, route) in extra.routes.iter().enumerate() {
            let field = format!("services.extra[{}].routes[{index}]", extra.name);
            routes.push(room.route(&field, route, &extra.name));
        }
    }
    routes
}

fn upstreams(spec: &ShopPlatformSpec) -> BTreeSet<&str> {
    let mut names = BTreeSet::from(CoreService::ALL.map(CoreService::name));
    names.extend(spec.services.extra.iter().map(|extra| extra.name.as_str()));
    names
}

struct Room<'p> {
    findings: &'p mut Findings,
    /// Which field took a pattern and method.
    taken: BTreeMap<(String, HttpMethod), String>,
}

impl Room<'_> {
    fn route(&mut self, field: &str, spec: &RouteSpec, upstream: &str) -> Route {
        let mut methods = spec.methods.clone();
        methods.sort_unstable();
        methods.dedup();
        self.take(field, &spec.path, &methods);
        Route {
            path: spec.path.clone(),
            methods,
            upstream: upstream.to_owned(),
            access: self.access(field, spec),
            timeout_ms: spec.timeout_ms,
            max_body_bytes: spec.max_body_bytes,
            rate_limit: spec.rate_limit.map(|limit| RouteRate {
                requests: limit.requests,
                window_s: limit.window_seconds,
                burst: limit.burst,
            }),
            streaming: spec.streaming,
        }
    }

    /// No path and method leads to two places. HEAD comes with GET.
    fn take(&mut self, field: &str, path: &str, methods: &[HttpMethod]) {
        let pattern = pattern(path);
        let head = methods
            .contains(&HttpMethod::Get)
            .then_some(HttpMethod::Head);
        let methods: BTreeSet<_> = methods.iter().copied().chain(head).collect();
        let others: BTreeSet<_> = methods
            .into_iter()
            .filter_map(|method| {
                self.taken
                    .insert((pattern.clone(), method), field.to_owned())
            })
            .collect();
        for other in others {
            let message = format!(
                "{field}: {path} is routed by {other} already, with one of its methods: remove one of them"
            );
            self.findings.add(Reason::SpecInvalid, message);
        }
    }

    fn access(&mut self, field: &str, spec: &RouteSpec) -> Access {
        match (spec.access, spec.roles.is_empty(), spec.scopes.is_empty()) {
            (Some(RouteAccess::Public), true, true) => Access::Public,
            (Some(RouteAccess::SignedIn), true, true) => Access::SignedIn,
            (None, false, true) => {
                for role in &spec.roles {
                    self.check_role(field, "roles", role, role);
                }
                Access::Roles(spec.roles.clone())
            }
            (None, true, false) => {
                for scope in &spec.scopes {
                    let role = scope
                        .strip_suffix(":read")
                        .or_else(|| scope.strip_suffix(":write"));
                    self.check_role(field, "scopes", scope, role.unwrap_or_default());
                }
                Access::Scopes(spec.scopes.clone())
            }
            _ => {
                let message =
                    format!("{field} needs one of access (Public or SignedIn), roles and scopes");
                self.findings.add(Reason::SpecInvalid, message);
                Access::SignedIn
            }
        }
    }

    fn check_role(&mut self, field: &str, list: &str, word: &str, role: &str) {
        let is_known = role.parse::<Role>().is_ok();
        self.findings.expect(is_known, Reason::SpecInvalid, || {
            let roles = Role::ALL.map(Role::as_str).join(", ");
            let form = if list == "scopes" {
                ", each with :read or :write"
            } else {
                ""
            };
            format!("{field}.{list} has `{word}`: write some of {roles}{form}")
        });
    }
}

/// The path without the names of its parameters: two that mean the same are the same.
fn pattern(path: &str) -> String {
    let segment = |segment: &str| match (segment.starts_with("{*"), segment.starts_with('{')) {
        (true, _) => "{*}".to_owned(),
        (false, true) => "{}".to_owned(),
        (false, false) => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}
