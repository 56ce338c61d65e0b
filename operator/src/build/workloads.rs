//! Gateway, services, and what each of them has besides its Deployment.

mod availability;
mod deployment;
mod pod_template;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use serde_json::json;

use super::BuildError;
use super::addresses::{GATEWAY, PROVISION, migration};
use super::pod::metadata;
use super::settings::{self, Environment, ROUTES_FILE};
use crate::child::{Child, ChildKey, Kind, Unwritable, Writing, hash_of};
use crate::names::Component;
use crate::platform::{Platform, Role, Workload};

/// The children of gateway and services. Deployments wait for the Jobs that make ready what they need.
pub(super) fn build(platform: &Platform, jobs: &[Child]) -> Result<Vec<Child>, BuildError> {
    let mut children = Vec::new();
    for workload in &platform.workloads {
        let environment = settings::environment(platform, workload);
        let writing = match waits_for(platform, workload, jobs) {
            none if none.is_empty() => Writing::Apply,
            some => Writing::After(some),
        };
        children.push(service_account(platform, workload)?);
        children.extend(service::build(platform, workload)?);
        children.extend(availability::build(platform, workload)?);
        let told = Told::of(platform, workload, &environment)?;
        let deployment = deployment::build(platform, workload, &environment, &told)?;
        children.extend(told.into_children());
        children.push(deployment.written(writing));
    }
    Ok(children)
}

/// What must be done before a workload's pods are replaced: the Jobs for its own data; for the gateway those of all four services,
/// and then the rollouts of all services behind it, so that it sends nobody a request of a version that is not there yet.
fn waits_for(platform: &Platform, workload: &Workload, jobs: &[Child]) -> Vec<ChildKey> {
    let users: Vec<_> = match workload.role {
        Role::Gateway => {
            let all = platform.workloads.iter();
            all.filter(|other| matches!(other.role, Role::Core(_)))
                .collect()
        }
        Role::Core(_) | Role::Extra(_) => vec![workload],
    };
    let mut waited_for: BTreeSet<_> = users.iter().map(|user| migration(user)).collect();
    if users.iter().any(|user| !user.needs().is_empty()) {
        waited_for.insert(Component::new(PROVISION));
    }
    let jobs = jobs
        .iter()
        .filter(|job| job.key.kind == Kind::Job)
        .filter(|job| {
            let component = job.component().map(Component::new);
            component.is_some_and(|component| waited_for.contains(&component))
        })
        .map(|job| job.key.clone());
    jobs.chain(rollouts_before(platform, workload)).collect()
}

/// The Deployments that are rolled out before a workload's own.
fn rollouts_before(platform: &Platform, workload: &Workload) -> impl Iterator<Item = ChildKey> {
    let is_gateway = workload.role == Role::Gateway;
    let others = platform.workloads.iter();
    others
        .filter(move |other| is_gateway && other.role != Role::Gateway)
        .map(|other| ChildKey {
            kind: Kind::Deployment,
            name: platform.owner.child(other.component.as_str()),
        })
}

/// Pods talk to nobody but each other: the account has no rights, and its token is not mounted.
fn service_account(platform: &Platform, workload: &Workload) -> Result<Child, Unwritable> {
    let component = &workload.component;
    let name = platform.owner.child(component.as_str());
    let account = ServiceAccount {
        metadata: metadata(&platform.owner, component, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    Child::applied(Kind::ServiceAccount, &account)
}

/// What a workload is told by one `ConfigMap` or two. Each is named after its content and never changed: a pod that is started anew during a
/// rollout, or after one was taken back, is told what it was told before, which a newer version may have other words for.
struct Told {
    /// Its settings; none if it has only variables.
    settings: Option<Child>,
    /// The gateway's own routes, if there are any.
    routes: Option<Child>,
}

impl Told {
    fn of(
        platform: &Platform,
        workload: &Workload,
        environment: &Environment,
    ) -> Result<Self, Unwritable> {
        let map = |name: &str, data: BTreeMap<String, String>| {
            let hash: String = hash_of(&json!(data)).chars().take(8).collect();
            let name = platform.owner.child(&format!("{name}-{hash}"));
            let map = ConfigMap {
                metadata: metadata(&platform.owner, &workload.component, name),
                data: Some(data),
                immutable: Some(true),
                ..ConfigMap::default()
            };
            Child::applied(Kind::ConfigMap, &map)
        };
        let settings = environment.settings();
        let settings = (!settings.is_empty()).then(|| settings.clone());
        let routes = (workload.role == Role::Gateway).then(|| settings::routes(platform));
        let routes = routes.flatten();
        let routes = routes.map(|routes| BTreeMap::from([(ROUTES_FILE.to_owned(), routes)]));
        Ok(Self {
            settings: settings
                .map(|data| map(workload.component.as_str(), data))
                .transpose()?,
            routes: routes
                .map(|data| map(&format!("{GATEWAY}-routes"), data))
                .transpose()?,
        })
    }

    fn into_children(self) -> impl Iterator<Item = Child> {
        self.settings.into_iter().chain(self.routes)
    }
}
