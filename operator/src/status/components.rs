//! Each part of the platform, and what keeps it from being ready.

use std::net::IpAddr;

use serde_json::Value;

use super::patience::{Patience, Standing};
use crate::apply::{Outcome, Wait};
use crate::child::{Child, ChildKey, Kind};
use crate::observed::{Observed, Problem, State, View};
use crate::platform::{ExposeBy, Platform, Role};
use crate::resource::{ComponentState, ComponentStatus};

/// What a scheduler says of a pod whose disk nobody makes.
const NO_DISK: &str = "unbound immediate PersistentVolumeClaims";

/// One for each Deployment, `StatefulSet` and `Cluster`.
pub(super) fn of(
    platform: &Platform,
    children: &[Child],
    outcome: &Outcome,
    patience: Patience<'_>,
) -> Vec<ComponentStatus> {
    let mut components: Vec<_> = children
        .iter()
        .filter(|child| {
            matches!(
                child.key.kind,
                Kind::Deployment | Kind::StatefulSet | Kind::CloudNativePgCluster
            )
        })
        .map(|child| component(platform, child, children, outcome, patience))
        .collect();
    components.sort_by(|a, b| a.name.cmp(&b.name));
    components
}

fn component(
    platform: &Platform,
    child: &Child,
    children: &[Child],
    outcome: &Outcome,
    patience: Patience<'_>,
) -> ComponentStatus {
    let view = patience.view;
    let name = child.component().unwrap_or(&child.key.name).to_owned();
    let mut status = ComponentStatus {
        kind: child.key.kind.to_string(),
        image: child
            .object
            .pointer("/spec/template/spec/containers/0/image")
            .and_then(Value::as_str)
            .map(ToOwned::to_owned),
        ..ComponentStatus::default()
    };
    if let Some((_, failure)) = outcome.failures.iter().find(|(key, _)| *key == child.key) {
        status.state = ComponentState::Failed;
        status.message = Some(failure.to_string());
    } else if let Some(observed) = view.children.get(&child.key) {
        judge(&mut status, child, observed, patience);
    }
    if let Some(message) = status
        .message
        .as_mut()
        .filter(|message| message.contains(NO_DISK))
        && let Some(why) = without_disk(&name, children, view)
    {
        *message = format!("{message}: {why}");
    }
    let disk = of_disks(&name, children, view);
    if status.state != ComponentState::Failed
        && let Some(problem) = &disk
    {
        (status.state, status.message) = (ComponentState::Failed, Some(problem.clone()));
    }
    // One whose turn is still to come is judged as it is.
    match outcome.waiting.iter().find(|(key, _)| *key == child.key) {
        Some((_, Wait::Job(job))) => {
            (status.state, status.message) = waits_for(job, patience);
        }
        Some((_, Wait::Rollout(other))) => {
            status.state = ComponentState::Waiting;
            status.message = Some(format!("waits until {other} is rolled out"));
        }
        Some((_, Wait::Turn(_))) | None => {}
    }
    // CloudNativePG keeps the number in the spec of a cluster that sleeps.
    let has_none =
        status.ready == 0 && (status.desired == 0 || child.key.kind == Kind::CloudNativePgCluster);
    // A disk does not become larger by itself when the platform wakes, and who could not be sent to sleep does not sleep.
    let is_written = !outcome.failures.iter().any(|(key, _)| *key == child.key);
    if platform.hibernate && has_none && disk.is_none() && is_written {
        status.state = ComponentState::Stopped;
    }
    status.name = name;
    status
}

/// Why a disk of a component does not become as it should.
fn of_disks(component: &str, children: &[Child], view: &View) -> Option<String> {
    let mut disks = children.iter().filter(|child| {
        child.key.kind == Kind::PersistentVolumeClaim && child.component() == Some(component)
    });
    disks.find_map(|disk| match &view.children.get(&disk.key)?.state {
        State::Volume {
            problem: Some(problem),
            ..
        } => Some(format!(
            "{} stays as it is: {}; see `kubectl describe pvc {}`",
            disk.key,
            say(problem),
            disk.key.name
        )),
        _ => None,
    })
}

/// Why a pod of a component has no disk, as far as its claim shows: nothing tells it but its events.
fn without_disk(component: &str, children: &[Child], view: &View) -> Option<String> {
    let mut disks = children.iter().filter(|child| {
        child.key.kind == Kind::PersistentVolumeClaim && child.component() == Some(component)
    });
    disks.find_map(|disk| match &view.children.get(&disk.key)?.state {
        State::Volume {
            bound: false,
            class,
            ..
        } => Some(class.as_ref().map_or_else(
            || {
                format!(
                    "{} has no storage class, for the cluster has no default one: make one the default, or name one in \
                     storage.className",
                    disk.key
                )
            },
            |class| {
                format!(
                    "the storage class {class} of {} is not there or makes no disk: see `kubectl describe pvc {}`",
                    disk.key, disk.key.name
                )
            },
        )),
        _ => None,
    })
}

/// Whether something is known that keeps a component's pods, or the Job that it waits for, from working.
pub(super) fn is_troubled(
    component: &ComponentStatus,
    outcome: &Outcome,
    patience: Patience<'_>,
) -> bool {
    let has_troubled_pod = patience
        .view
        .pods
        .values()
        .any(|pod| pod.component == component.name && pod.problem.is_some());
    let name = patience.platform.owner.child(&component.name);
    let waits_in_vain = || {
        outcome.waiting.iter().any(|(key, wait)| {
            key.name == name
                && matches!(wait, Wait::Job(job) if matches!(patience.standing(job), Standing::Troubled(_)))
        })
    };
    has_troubled_pod || waits_in_vain()
}

/// What there is to say of the Job that is waited for.
fn waits_for(job: &str, patience: Patience<'_>) -> (ComponentState, Option<String>) {
    let waiting = |what: String| (ComponentState::Waiting, Some(what));
    match patience.standing(job) {
        Standing::GivenUp(problem) => (
            ComponentState::Failed,
            Some(format!(
                "Job {job} failed: {}; see `kubectl logs job/{job}`, mend the cause and delete the Job",
                say(problem)
            )),
        ),
        Standing::Stuck(problem) => (
            ComponentState::Failed,
            Some(format!(
                "Job {job} gets nowhere for {} s: {}. Once that is mended delete the Job, and it is made anew",
                patience.platform.progress_deadline_s,
                say(problem)
            )),
        ),
        Standing::Troubled(problem) => waiting(format!("waits for Job {job}: {}", say(problem))),
        Standing::WithoutPod => waiting(format!(
            "waits for Job {job}, which has no pod yet: see `kubectl describe job {job}` if that lasts"
        )),
        Standing::OnItsWay => waiting(format!("waits for Job {job}")),
    }
}

fn judge(status: &mut ComponentStatus, child: &Child, observed: &Observed, patience: Patience<'_>) {
    let State::Replicas {
        desired,
        ready,
        updated,
        older,
        current,
        problem,
        ..
    } = &observed.state
    else {
        return;
    };
    (status.desired, status.ready) = (*desired, *ready);
    if *current && ready >= desired && updated >= desired && *older == 0 {
        status.state = ComponentState::Ready;
        return;
    }
    status.state = ComponentState::Progressing;
    let of_pods = patience
        .view
        .pods
        .values()
        .filter(|pod| child.component() == Some(&*pod.component))
        .find_map(|pod| pod.problem.as_ref());
    if let Some(problem) = problem {
        status.state = ComponentState::Failed;
        status.message = Some(of_pods.map_or_else(
            || say(problem),
            |pod| format!("{}: {}", say(problem), say(pod)),
        ));
    } else if let Some(lasting) = patience.lasting(child, &observed.state) {
        status.state = ComponentState::Failed;
        status.message = Some(say(lasting));
    } else if let Some(pod) = of_pods {
        status.message = Some(say(pod));
    } else {
        status.message = Some(format!(
            "{ready} of {desired} ready, {updated} of the newest form"
        ));
    }
}

fn say(problem: &Problem) -> String {
    format!("{}: {}", problem.reason, problem.message.trim())
}

/// Where the gateway is reached.
pub(super) fn endpoint(platform: &Platform, view: &View) -> Option<String> {
    let mut workloads = platform.workloads.iter();
    let port = workloads.find(|each| each.role == Role::Gateway)?.port;
    let service = platform.owner.child("gateway");
    match &platform.expose.by {
        ExposeBy::ClusterIp | ExposeBy::NodePort => {
            let namespace = &platform.owner.namespace;
            Some(format!("http://{service}.{namespace}.svc:{port}"))
        }
        ExposeBy::LoadBalancer => {
            let key = ChildKey {
                kind: Kind::Service,
                name: service,
            };
            match &view.children.get(&key)?.state {
                State::Address(address) => address.as_ref().map(|host| at(host, port)),
                _ => None,
            }
        }
        ExposeBy::Ingress { .. } | ExposeBy::HttpRoute { .. } => platform.expose.url(),
    }
}

/// The URL of a host, which may be an address.
fn at(host: &str, port: i32) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("http://[{address}]:{port}"),
        _ => format!("http://{host}:{port}"),
    }
}
