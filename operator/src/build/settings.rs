//! What a workload is told by its environment, and the files in which it finds what is secret.
//!
//! A Deployment has it from a ConfigMap; a Job that migrates has it as it is. People's own variables come last and win over ours.

mod core;
mod extra;
mod gateway;
mod variables;

use serde_json::json;

pub(super) use gateway::routes;
pub(super) use variables::Environment;

use super::access;
use crate::child::hash_of;
use crate::platform::{CoreService, Platform, Role, Workload};

/// Where mails are written if no server takes them; gone with the pod.
pub(super) const MAIL_FOLDER: &str = "/var/mail/shop";
/// Where the gateway's own routes are.
pub(super) const ROUTES_FOLDER: &str = "/etc/shop/routes";
/// The file in it.
pub(super) const ROUTES_FILE: &str = "routes.yaml";
/// How long a replica goes on accepting after it said that it ends: until all who send to it have noticed.
const SHUTDOWN_DELAY_MS: &str = "5000";

/// What a workload is told while it serves.
pub(super) fn environment(platform: &Platform, workload: &Workload) -> Environment {
    let mut environment = Environment::default();
    match &workload.role {
        Role::Gateway => {
            serving(&mut environment, platform, workload);
            gateway::add(&mut environment, platform);
        }
        Role::Core(service) => {
            serving(&mut environment, platform, workload);
            core::store(&mut environment, platform, workload, *service);
            core::broker(&mut environment, platform, workload);
            core::own(&mut environment, platform, *service);
        }
        Role::Extra(_) => extra::add(&mut environment, platform, workload),
    }
    environment.override_with(&workload.env);
    environment
}

/// What a workload is told while it migrates its store: a changed setting that has nothing to do with that begins no new
/// migration.
pub(super) fn for_migration(platform: &Platform, workload: &Workload) -> Environment {
    let Role::Core(service) = workload.role else {
        return environment(platform, workload);
    };
    let mut environment = Environment::default();
    environment.set("SHOP__LOG__FORMAT", "json");
    core::store(&mut environment, platform, workload, service);
    environment.override_with(&workload.env);
    environment
}

/// The hash of all that a workload is told, with what is in people's Secrets: pods with another one are replaced.
pub(super) fn hash(platform: &Platform, workload: &Workload, environment: &Environment) -> String {
    let servers = workload
        .needs()
        .into_iter()
        .filter_map(|need| access::external(platform, need))
        .map(|external| external.content_hash.as_str());
    let email = platform.email.as_ref();
    let email = email.filter(|_| workload.role == Role::Core(CoreService::Notification));
    let own = workload.env.iter();
    let own = own.filter_map(|variable| variable.secret_key_ref.as_ref());
    let own = own.filter_map(|secret| platform.env_secrets.get(&secret.name));
    let content: Vec<_> = servers
        .chain(email.map(|email| email.content_hash.as_str()))
        .chain(own.map(String::as_str))
        .collect();
    hash_of(&json!({
        "environment": environment.as_json(),
        "content": content,
    }))
}

/// Whether a workload writes mails into a folder.
pub(super) fn keeps_mails(platform: &Platform, workload: &Workload) -> bool {
    workload.role == Role::Core(CoreService::Notification) && platform.email.is_none()
}

/// What all services of ours have in common.
fn serving(environment: &mut Environment, platform: &Platform, workload: &Workload) {
    environment.set("SHOP__LOG__FORMAT", "json");
    environment.set("SHOP__HTTP__HOST", "0.0.0.0");
    environment.set("SHOP__HTTP__PORT", workload.port.to_string());
    // Reachable from the pod's network for probes, metrics and the gateway's health page: NetworkPolicies keep others out.
    environment.set("SHOP__HTTP__ADMIN_HOST", "0.0.0.0");
    if let Some(port) = workload.admin_port() {
        environment.set("SHOP__HTTP__ADMIN_PORT", port.to_string());
    }
    environment.set("SHOP__SHUTDOWN__DELAY_MS", SHUTDOWN_DELAY_MS);
    environment.set("SHOP__AUTH__JWKS", super::addresses::jwks(platform));
}
