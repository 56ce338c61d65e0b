//! What all pods of a platform have: nothing that they do not need.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, EmptyDirVolumeSource, ExecAction, HTTPGetAction, KeyToPath, LocalObjectReference,
    PodSecurityContext, Probe, ProjectedVolumeSource, ResourceRequirements, SeccompProfile,
    SecretProjection, SecurityContext, TCPSocketAction, TopologySpreadConstraint, Volume,
    VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::names::{Component, Owner};
use crate::platform::Platform;
use crate::resource::{ResourceList, Resources, SecretKeyRef};

/// The user and group of our images, and of services that people add.
pub(super) const USER: i64 = 65_532;
/// The name of the port for requests.
pub(super) const HTTP: &str = "http";
/// The name of the port of health and metrics.
pub(super) const ADMIN: &str = "admin";
/// A service that is told to end goes on accepting for 5 s, and may take 25 s for what it has begun; then it gives up by itself.
pub(super) const GRACE_SECONDS: i64 = 35;
/// How much may be written to a folder that goes with the pod.
const SCRATCH: &str = "256Mi";

/// Name, namespace and labels of a component's child.
pub(super) fn metadata(owner: &Owner, component: &Component, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(owner.namespace.clone()),
        labels: Some(owner.labels(component)),
        ..ObjectMeta::default()
    }
}

/// What selects a component's pods.
pub(super) fn selector(owner: &Owner, component: &Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(owner.selector(component)),
        match_expressions: None,
    }
}

/// The *restricted* Pod Security Standard: nobody is root. Files of volumes belong to the user's group.
pub(super) fn security(user: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        fs_group: Some(user),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(seccomp()),
        ..PodSecurityContext::default()
    }
}

/// The *restricted* Pod Security Standard, and nothing is written but to volumes.
pub(super) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities {
            add: None,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_non_root: Some(true),
        seccomp_profile: Some(seccomp()),
        ..SecurityContext::default()
    }
}

fn seccomp() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}

/// Processor and memory of a container.
pub(super) fn resources(resources: &Resources) -> ResourceRequirements {
    ResourceRequirements {
        requests: quantities(&resources.requests),
        limits: quantities(&resources.limits),
        claims: None,
    }
}

fn quantities(list: &ResourceList) -> Option<BTreeMap<String, Quantity>> {
    let quantities: BTreeMap<_, _> = [("cpu", &list.cpu), ("memory", &list.memory)]
        .into_iter()
        .filter_map(|(name, quantity)| Some((name.to_owned(), Quantity(quantity.clone()?))))
        .collect();
    (!quantities.is_empty()).then_some(quantities)
}

/// Over nodes and zones, where there are several: never at the price of not running.
pub(super) fn spread(owner: &Owner, component: &Component) -> Vec<TopologySpreadConstraint> {
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        .map(|topology_key| TopologySpreadConstraint {
            max_skew: 1,
            topology_key: topology_key.to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(selector(owner, component)),
            ..TopologySpreadConstraint::default()
        })
        .to_vec()
}

/// The passwords of registries.
pub(super) fn pull_secrets(platform: &Platform) -> Option<Vec<LocalObjectReference>> {
    let secrets = platform.pull_secrets.iter();
    let secrets: Vec<_> = secrets
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    (!secrets.is_empty()).then_some(secrets)
}

/// Files of Secrets, each at a path of its own, in one volume. Read by their owner; the kubelet adds the group of the pod, which
/// is how the container's user gets at them.
pub(super) fn secret_files(name: &str, files: &BTreeMap<String, SecretKeyRef>) -> Volume {
    let mut by_secret: BTreeMap<&str, Vec<KeyToPath>> = BTreeMap::new();
    for (path, secret) in files {
        by_secret.entry(&secret.name).or_default().push(KeyToPath {
            key: secret.key.clone(),
            path: path.clone(),
            mode: None,
        });
    }
    let sources = by_secret
        .into_iter()
        .map(|(secret, items)| VolumeProjection {
            secret: Some(SecretProjection {
                name: secret.to_owned(),
                items: Some(items),
                optional: None,
            }),
            ..VolumeProjection::default()
        });
    Volume {
        name: name.to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(0o400),
            sources: Some(sources.collect()),
        }),
        ..Volume::default()
    }
}

/// A folder that goes with the pod.
pub(super) fn scratch(name: &str, path: &str) -> (Volume, VolumeMount) {
    folder(name, path, None, SCRATCH)
}

/// A folder for a few small secrets, which are never on a disk.
pub(super) fn memory(name: &str, path: &str) -> (Volume, VolumeMount) {
    folder(name, path, Some("Memory"), "1Mi")
}

fn folder(name: &str, path: &str, medium: Option<&str>, size: &str) -> (Volume, VolumeMount) {
    let volume = Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(str::to_owned),
            size_limit: Some(Quantity(size.to_owned())),
        }),
        ..Volume::default()
    };
    let mount = VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    };
    (volume, mount)
}

/// How often it is asked, and how often in a row it may fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// In seconds.
    pub(super) period: i32,
    /// For each answer, in seconds.
    pub(super) timeout: i32,
    /// In a row.
    pub(super) failures: i32,
}

impl Patience {
    fn probe(self) -> Probe {
        Probe {
            period_seconds: Some(self.period),
            timeout_seconds: Some(self.timeout),
            failure_threshold: Some(self.failures),
            ..Probe::default()
        }
    }

    /// Asks a page of a port.
    pub(super) fn http(self, path: &str, port: &str) -> Probe {
        Probe {
            http_get: Some(HTTPGetAction {
                path: Some(path.to_owned()),
                port: IntOrString::String(port.to_owned()),
                ..HTTPGetAction::default()
            }),
            ..self.probe()
        }
    }

    /// Runs a small program in the container.
    pub(super) fn exec(self, command: &[&str]) -> Probe {
        let command = command.iter().map(ToString::to_string);
        Probe {
            exec: Some(ExecAction {
                command: Some(command.collect()),
            }),
            ..self.probe()
        }
    }

    /// Looks whether a port takes connections.
    pub(super) fn tcp(self, port: &str) -> Probe {
        Probe {
            tcp_socket: Some(TCPSocketAction {
                host: None,
                port: IntOrString::String(port.to_owned()),
            }),
            ..self.probe()
        }
    }
}
