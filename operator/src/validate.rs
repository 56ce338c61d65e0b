//! Parses the spec and what it points to into a [`Platform`] that cannot be wrong, or says all that is wrong with it.
//!
//! What the schema refuses is not judged a second time, but for what a [`Platform`] has no place for: a resource may have been
//! stored before the schema knew a rule.

mod back_ends;
mod defaults;
mod expose;
mod external;
mod extra;
mod images;
mod invalid;
mod mail;
mod profile;
mod quantity;
mod replicas;
mod resources;
mod rotation;
mod routes;
mod secrets;
mod unavailable;
mod version;
mod workloads;

#[cfg(test)]
mod tests;

pub use defaults::{Defaults, PROGRESS_DEADLINE_S};
pub use invalid::{Invalid, Reason};
pub use quantity::{Quantity, QuantityError};
pub use rotation::parse as parse_age;
pub use version::{Version, VersionError};

use invalid::Findings;
use kube::ResourceExt;

use crate::child::Kind;
use crate::dereference::Found;
use crate::names::Owner;
use crate::platform::{NetworkRules, Platform};
use crate::resource::{
    NetworkPolicySpec, PullPolicy, ServiceMonitorMode, ShopPlatform, ShopPlatformSpec,
};

/// What is parsed, and what was found wrong with it so far.
struct Parsing<'a> {
    spec: &'a ShopPlatformSpec,
    namespace: String,
    found: &'a Found,
    operator: &'a Defaults,
    findings: Findings,
}

/// The platform that the resource asks for, or everything that is wrong with it, in the order of the spec.
pub fn validate(
    resource: &ShopPlatform,
    found: &Found,
    operator: &Defaults,
) -> Result<Platform, Vec<Invalid>> {
    let spec = &resource.spec;
    let owner = Owner {
        namespace: resource.namespace().unwrap_or_default(),
        name: resource.name_any(),
        uid: resource.uid().unwrap_or_default(),
    };
    let mut parsing = Parsing {
        spec,
        namespace: owner.namespace.clone(),
        found,
        operator,
        findings: Findings::default(),
    };
    let version = version::of(&mut parsing);
    let images = images::Images::of(spec, operator, &version);
    let platform = Platform {
        owner,
        version,
        profile: spec.profile,
        pull_policy: match spec.images.pull_policy {
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Always => "Always",
            PullPolicy::Never => "Never",
        },
        pull_secrets: spec
            .images
            .pull_secrets
            .iter()
            .map(|secret| secret.name.clone())
            .collect(),
        shopctl_image: images.of_component("shopctl"),
        expose: expose::of(&mut parsing),
        workloads: workloads::of(&mut parsing, &images),
        rate_limit: spec.gateway.rate_limit.clone(),
        allowed_origins: spec.gateway.cors.allowed_origins.clone(),
        routes: routes::of(&mut parsing),
        mongodb: back_ends::mongodb(&mut parsing),
        postgres: back_ends::postgres(&mut parsing),
        rabbitmq: back_ends::rabbitmq(&mut parsing),
        email: mail::of(&mut parsing),
        administrator: spec
            .administrator
            .email
            .clone()
            .unwrap_or_else(|| "admin@shop.example".to_owned()),
        administrator_password: administrator_password(&mut parsing),
        network_policy: network_rules(&spec.network_policy),
        service_monitors: service_monitors(&mut parsing),
        credentials: found.credentials,
        lock_previous: found.lock_previous,
        rotation_request: found.request.clone(),
        rotate_after: rotation::of(&mut parsing),
        env_secrets: secrets::of_variables(&parsing),
        progress_deadline_s: operator.progress_deadline_s,
        deletion_policy: spec.deletion_policy,
        hibernate: spec.hibernate,
    };
    unavailable::refuse(&mut parsing);
    parsing.findings.judge(platform)
}

fn administrator_password(parsing: &mut Parsing<'_>) -> Option<crate::resource::SecretKeyRef> {
    let password = parsing.spec.administrator.password_secret_ref.as_ref()?;
    secrets::expect_key(parsing, "administrator.passwordSecretRef", password);
    Some(password.clone())
}

fn network_rules(spec: &NetworkPolicySpec) -> Option<NetworkRules> {
    spec.enabled.then(|| NetworkRules {
        ingress_from: spec.ingress_from.clone(),
        egress_to: spec.egress_to.clone(),
    })
}

fn service_monitors(parsing: &mut Parsing<'_>) -> bool {
    match parsing.spec.monitoring.service_monitors {
        ServiceMonitorMode::Disabled => false,
        ServiceMonitorMode::Auto => parsing.found.apis.contains(&Kind::ServiceMonitor),
        ServiceMonitorMode::Enabled => {
            parsing.expect_api(
                Kind::ServiceMonitor,
                "monitoring.serviceMonitors is Enabled",
                "install the Prometheus operator, or write Auto",
            );
            true
        }
    }
}

impl Parsing<'_> {
    /// Finds fault if the cluster lacks an API that `what` needs.
    fn expect_api(&mut self, kind: Kind, what: &str, what_to_do: &str) {
        let there = self.found.apis.contains(&kind);
        self.findings.expect(there, Reason::ApiMissing, || {
            let api = kind.api_resource();
            format!(
                "{what}, but this cluster has no {} of {}: {what_to_do}",
                api.kind, api.api_version
            )
        });
    }
}
