//! Gateway, services, and what each of them has besides its Deployment.

mod availability;
mod deployment;
mod pod_template;
mod service;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};

use super::BuildError;
use super::addresses::{GATEWAY, PROVISION, migration};
use super::pod::metadata;
use super::settings::{self, Environment, ROUTES_FILE};
use crate::child::{Child, Kind, Unwritable, Writing};
use crate::platform::{Platform, Role, Workload};

/// The children of gateway and services. Deployments wait for the Jobs that make ready what they need, and their settings with
/// them: a pod that is started anew meanwhile is told what the others of its version were.
pub(super) fn build(platform: &Platform, jobs: &[Child]) -> Result<Vec<Child>, BuildError> {
    let mut children = Vec::new();
    for workload in &platform.workloads {
        let environment = settings::environment(platform, workload);
        let writing = match waits_for(workload, jobs) {
            none if none.is_empty() => Writing::Apply,
            some => Writing::After(some),
        };
        children.push(service_account(platform, workload)?);
        children.extend(service::build(platform, workload)?);
        children.extend(availability::build(platform, workload)?);
        let told = config_maps(platform, workload, &environment)?;
        let deployment = deployment::build(platform, workload, &environment)?;
        children.extend(
            told.into_iter()
                .chain([deployment])
                .map(|child| child.written(writing.clone())),
        );
    }
    Ok(children)
}

/// The Jobs that must have finished before a workload's pods are replaced: of a service those for its own data, of the gateway
/// all, for it leads to all services.
fn waits_for(workload: &Workload, jobs: &[Child]) -> Vec<String> {
    if workload.role != Role::Gateway && workload.needs().is_empty() {
        return Vec::new();
    }
    let own = migration(workload);
    let is_waited_for = |component: &str| {
        workload.role == Role::Gateway || component == PROVISION || component == own.as_str()
    };
    jobs.iter()
        .filter(|job| job.key.kind == Kind::Job)
        .filter(|job| component_of(job).is_some_and(is_waited_for))
        .map(|job| job.key.name.clone())
        .collect()
}

fn component_of(child: &Child) -> Option<&str> {
    let labels = child.object.pointer("/metadata/labels")?;
    labels.get("app.kubernetes.io/name")?.as_str()
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

/// The settings, and the gateway's routes.
fn config_maps(
    platform: &Platform,
    workload: &Workload,
    environment: &Environment,
) -> Result<Vec<Child>, Unwritable> {
    let mut maps = Vec::new();
    let mut add = |name: String, data: BTreeMap<String, String>| {
        let map = ConfigMap {
            metadata: metadata(&platform.owner, &workload.component, name),
            data: Some(data),
            ..ConfigMap::default()
        };
        Child::applied(Kind::ConfigMap, &map).map(|map| maps.push(map))
    };
    if !environment.settings().is_empty() {
        let name = platform.owner.child(workload.component.as_str());
        add(name, environment.settings().clone())?;
    }
    if workload.role == Role::Gateway
        && let Some(routes) = settings::routes(platform)
    {
        let data = BTreeMap::from([(ROUTES_FILE.to_owned(), routes)]);
        add(routes_map(platform), data)?;
    }
    Ok(maps)
}

/// The ConfigMap of the gateway's routes.
fn routes_map(platform: &Platform) -> String {
    platform.owner.child(&format!("{GATEWAY}-routes"))
}
