//! What all servers have that the operator runs: a `StatefulSet` whose members each have a disk, the disks, two Services, and
//! a budget if there are several members.
//!
//! The disks are made here, under the names that the `StatefulSet` looks for: it takes those that are there. So a disk grows by
//! being applied again, while the template in the `StatefulSet`, which can never be changed, stays as it is.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{
    StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EnvVar, EnvVarSource, KeyToPath, ObjectFieldSelector,
    PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec,
    ResourceFieldSelector, SecretVolumeSource, Service, ServicePort, ServiceSpec, Volume,
    VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::build::addresses::{members_service, server};
use crate::build::credentials::PASSWORD;
use crate::build::pod::{self, metadata, selector};
use crate::child::{Child, Kind, Unwritable};
use crate::names::Component;
use crate::platform::{Managed, Platform};

/// The volume of a member's disk: its claim is called `data-<pod>`.
const DATA: &str = "data";
/// What the template of the disks says they hold. It counts for nothing, for the disks are there before the pods, and it must
/// not follow their size.
const TEMPLATE_SIZE: &str = "1Gi";
/// The volume of the root's password and what else the server must keep to itself.
const SECRETS: &str = "secrets";
/// Where the script that prepares a member finds it.
const SECRETS_FOLDER: &str = "/etc/shop/secrets";

/// A port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    pub(super) name: &'static str,
    pub(super) number: i32,
}

/// A server.
pub(super) struct Server<'p> {
    pub(super) platform: &'p Platform,
    pub(super) component: Component,
    pub(super) managed: &'p Managed,
    /// The number of the user and group that it runs as in its official image.
    pub(super) user: i64,
    /// Where clients connect to.
    pub(super) client_ports: &'static [Port],
    /// Where only other members do.
    pub(super) member_ports: &'static [Port],
    /// Where its disk is.
    pub(super) data: &'static str,
    /// The Secret of its root user.
    pub(super) root: &'static str,
    /// What else of that Secret than the password is needed.
    pub(super) secret_keys: &'static [&'static str],
}

/// What is different for each server.
pub(super) struct Member {
    /// Runs before the server.
    pub(super) prepare: Container,
    /// The server itself.
    pub(super) serve: Container,
    /// Volumes besides disk and secrets.
    pub(super) volumes: Vec<Volume>,
    /// Of the pods.
    pub(super) annotations: BTreeMap<String, String>,
    /// How long the server may take to end in order, in seconds.
    pub(super) grace: i64,
    /// How long a member must have been ready before the next one is replaced, in seconds.
    pub(super) settled: Option<i32>,
}

impl Server<'_> {
    /// Its children, without what is its own.
    pub(super) fn children(&self, member: Member) -> Result<Vec<Child>, Unwritable> {
        let mut children = Vec::new();
        for ordinal in 0..self.managed.members {
            children.push(self.disk(ordinal)?);
        }
        children.push(self.client_service()?);
        children.push(self.members_service()?);
        children.push(self.stateful_set(member)?);
        if self.managed.members > 1 && !self.platform.hibernate {
            children.push(self.budget()?);
        }
        Ok(children)
    }

    /// A container of its image, with its disk; nothing else can be written to.
    pub(super) fn container(&self, name: &str) -> Container {
        Container {
            name: name.to_owned(),
            image: Some(self.managed.image.0.clone()),
            image_pull_policy: Some(self.platform.pull_policy.to_owned()),
            resources: Some(pod::resources(&self.managed.resources)),
            security_context: Some(pod::container_security()),
            volume_mounts: Some(vec![VolumeMount {
                name: DATA.to_owned(),
                mount_path: self.data.to_owned(),
                ..VolumeMount::default()
            }]),
            // What it said last is seen in the pod's status.
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            ..Container::default()
        }
    }

    /// The container that prepares a member by a script, with the secrets.
    pub(super) fn prepare(&self, script: &str, mounts: Vec<VolumeMount>) -> Container {
        let mut container = self.container("prepare");
        // Kubernetes would put variables in place of `$(NAME)`.
        let script = script.replace("$(", "$$(");
        container.command = Some(["bash", "-c", &script].map(str::to_owned).to_vec());
        let secrets = VolumeMount {
            name: SECRETS.to_owned(),
            mount_path: SECRETS_FOLDER.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        };
        mount(&mut container, [secrets]);
        mount(&mut container, mounts);
        container
    }

    /// The container of the server, with all its ports.
    pub(super) fn serve(&self, arguments: &[&str], mounts: Vec<VolumeMount>) -> Container {
        let mut container = self.container(self.component.as_str());
        container.args = Some(arguments.iter().map(ToString::to_string).collect());
        let ports = self.client_ports.iter().chain(self.member_ports);
        let ports = ports.map(|port| ContainerPort {
            name: Some(port.name.to_owned()),
            container_port: port.number,
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        });
        container.ports = Some(ports.collect());
        mount(&mut container, mounts);
        container
    }

    pub(super) fn name(&self) -> String {
        server(&self.platform.owner, self.component.as_str())
    }

    fn metadata(&self, name: String) -> ObjectMeta {
        metadata(&self.platform.owner, &self.component, name)
    }

    fn disk(&self, ordinal: i32) -> Result<Child, Unwritable> {
        let name = format!("{DATA}-{}-{ordinal}", self.name());
        let claim = self.claim(self.metadata(name), &self.managed.storage.size);
        Child::applied(Kind::PersistentVolumeClaim, &claim)
    }

    fn claim(&self, metadata: ObjectMeta, size: &str) -> PersistentVolumeClaim {
        PersistentVolumeClaim {
            metadata,
            spec: Some(PersistentVolumeClaimSpec {
                access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
                resources: Some(VolumeResourceRequirements {
                    requests: Some(BTreeMap::from([(
                        "storage".to_owned(),
                        Quantity(size.to_owned()),
                    )])),
                    limits: None,
                }),
                storage_class_name: self.managed.storage.class_name.clone(),
                ..PersistentVolumeClaimSpec::default()
            }),
            status: None,
        }
    }

    /// Leads clients to any member that is ready.
    fn client_service(&self) -> Result<Child, Unwritable> {
        let spec = ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            ..self.service(self.client_ports.iter())
        };
        let service = Service {
            metadata: self.metadata(self.name()),
            spec: Some(spec),
            status: None,
        };
        Child::applied(Kind::Service, &service)
    }

    /// Gives each member a name of its own, before it is ready: members must find each other to become it.
    fn members_service(&self) -> Result<Child, Unwritable> {
        let ports = self.client_ports.iter().chain(self.member_ports);
        let spec = ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            ..self.service(ports)
        };
        let name = members_service(&self.platform.owner, self.component.as_str());
        let service = Service {
            metadata: self.metadata(name),
            spec: Some(spec),
            status: None,
        };
        Child::applied(Kind::Service, &service)
    }

    fn service<'a>(&self, ports: impl Iterator<Item = &'a Port>) -> ServiceSpec {
        let ports = ports.map(|port| ServicePort {
            name: Some(port.name.to_owned()),
            port: port.number,
            protocol: Some("TCP".to_owned()),
            target_port: Some(IntOrString::String(port.name.to_owned())),
            ..ServicePort::default()
        });
        ServiceSpec {
            selector: Some(self.platform.owner.selector(&self.component)),
            ports: Some(ports.collect()),
            ..ServiceSpec::default()
        }
    }

    fn stateful_set(&self, member: Member) -> Result<Child, Unwritable> {
        let owner = &self.platform.owner;
        let replicas = if self.platform.hibernate {
            0
        } else {
            self.managed.members
        };
        let set = StatefulSet {
            metadata: self.metadata(self.name()),
            spec: Some(StatefulSetSpec {
                service_name: Some(members_service(owner, self.component.as_str())),
                replicas: Some(replicas),
                // Members wait for each other when they start.
                pod_management_policy: Some("Parallel".to_owned()),
                update_strategy: Some(StatefulSetUpdateStrategy {
                    type_: Some("RollingUpdate".to_owned()),
                    rolling_update: None,
                }),
                min_ready_seconds: member.settled,
                revision_history_limit: Some(3),
                selector: selector(owner, &self.component),
                template: self.template(member),
                volume_claim_templates: Some(vec![self.claim(
                    ObjectMeta {
                        name: Some(DATA.to_owned()),
                        labels: Some(owner.labels(&self.component)),
                        ..ObjectMeta::default()
                    },
                    TEMPLATE_SIZE,
                )]),
                persistent_volume_claim_retention_policy: Some(
                    StatefulSetPersistentVolumeClaimRetentionPolicy {
                        when_deleted: Some("Retain".to_owned()),
                        when_scaled: Some("Retain".to_owned()),
                    },
                ),
                ..StatefulSetSpec::default()
            }),
            status: None,
        };
        Child::applied(Kind::StatefulSet, &set)
    }

    fn template(&self, member: Member) -> PodTemplateSpec {
        let owner = &self.platform.owner;
        let mut volumes = vec![self.secrets()];
        volumes.extend(member.volumes);
        let annotations = member.annotations;
        PodTemplateSpec {
            metadata: Some(ObjectMeta {
                labels: Some(owner.labels(&self.component)),
                annotations: (!annotations.is_empty()).then_some(annotations),
                ..ObjectMeta::default()
            }),
            spec: Some(PodSpec {
                automount_service_account_token: Some(false),
                enable_service_links: Some(false),
                termination_grace_period_seconds: Some(member.grace),
                security_context: Some(pod::security(self.user)),
                image_pull_secrets: pod::pull_secrets(self.platform),
                topology_spread_constraints: (self.managed.members > 1)
                    .then(|| pod::spread(owner, &self.component)),
                init_containers: Some(vec![member.prepare]),
                containers: vec![member.serve],
                volumes: Some(volumes),
                ..PodSpec::default()
            }),
        }
    }

    fn secrets(&self) -> Volume {
        let keys = [PASSWORD].iter().chain(self.secret_keys);
        let items = keys.map(|key| KeyToPath {
            key: (*key).to_owned(),
            path: (*key).to_owned(),
            mode: None,
        });
        Volume {
            name: SECRETS.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(self.platform.owner.child(self.root)),
                items: Some(items.collect()),
                default_mode: Some(0o400),
                optional: None,
            }),
            ..Volume::default()
        }
    }

    /// One member at a time may be taken away, and only while the others are ready: two of three decide.
    fn budget(&self) -> Result<Child, Unwritable> {
        let budget = PodDisruptionBudget {
            metadata: self.metadata(self.name()),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(selector(&self.platform.owner, &self.component)),
                ..PodDisruptionBudgetSpec::default()
            }),
            status: None,
        };
        Child::applied(Kind::PodDisruptionBudget, &budget)
    }
}

/// Where the script that prepares a member finds the root's password.
pub(super) fn password_file() -> String {
    format!("{SECRETS_FOLDER}/{PASSWORD}")
}

/// Its own name.
pub(super) fn pod_name() -> EnvVar {
    of_the_pod("POD_NAME", "metadata.name")
}

/// Its own address.
pub(super) fn pod_ip() -> EnvVar {
    of_the_pod("POD_IP", "status.podIP")
}

fn of_the_pod(name: &str, field: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: field.to_owned(),
            }),
            ..EnvVarSource::default()
        }),
    }
}

/// How much memory the container may use, in bytes; without a limit what the node has.
pub(super) fn memory_limit() -> EnvVar {
    EnvVar {
        name: "MEMORY_LIMIT".to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            resource_field_ref: Some(ResourceFieldSelector {
                resource: "limits.memory".to_owned(),
                ..ResourceFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
    }
}

pub(super) fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        value_from: None,
    }
}

fn mount(container: &mut Container, mounts: impl IntoIterator<Item = VolumeMount>) {
    let known = container.volume_mounts.get_or_insert_default();
    known.extend(mounts);
}
