//! A platform that cannot be wrong: what [`crate::validate`] makes of a resource, with every default filled in.
//! [`crate::build`] makes the children of it, and needs nothing else.

mod address;
mod back_ends;
mod expose;
mod route;
mod workload;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::networking::v1::NetworkPolicyPeer;

pub use address::{Address, AddressError};
pub use back_ends::{CloudNativePg, External, Managed, MongoDb, Postgres, RabbitMq, Storage};
pub use expose::{Certificate, Expose, ExposeBy};
pub use route::{Access, Route, RouteRate};
pub use workload::{CoreService, ExtraService, Image, Replicas, Role, Workload};

use crate::names::Owner;
use crate::resource::{DeletionPolicy, Profile, RateLimitSpec, SecretKeyRef};

/// A platform that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct Platform {
    /// Whose it is.
    pub owner: Owner,
    /// The version of the services.
    pub version: String,
    /// Development or Production.
    pub profile: Profile,
    /// `imagePullPolicy` of all containers.
    pub pull_policy: &'static str,
    /// Secrets with registries' passwords.
    pub pull_secrets: Vec<String>,
    /// The image of `shopctl`, which the provision Job runs.
    pub shopctl_image: Image,
    /// Gateway, the four services, and extra ones: each becomes a Deployment.
    pub workloads: Vec<Workload>,
    /// How the gateway is reached.
    pub expose: Expose,
    /// How many requests a caller may send.
    pub rate_limit: Option<RateLimitSpec>,
    /// Origins of other web pages.
    pub allowed_origins: Vec<String>,
    /// Routes of the gateway and of extra services, besides the built-in ones.
    pub routes: Vec<Route>,
    /// The store of user and product.
    pub mongodb: MongoDb,
    /// The store of order and notification.
    pub postgres: Postgres,
    /// Events.
    pub rabbitmq: RabbitMq,
    /// The mail server; without one mails are written to a folder of the pod.
    pub email: Option<Email>,
    /// The first administrator's address.
    pub administrator: String,
    /// Where their password is, if a person made it.
    pub administrator_password: Option<SecretKeyRef>,
    /// Network policies, if they are on.
    pub network_policy: Option<NetworkRules>,
    /// Whether `ServiceMonitor`s are built.
    pub service_monitors: bool,
    /// Which generation of the services' passwords is in use, from 1: each generation is a Secret of its own and the other one
    /// of two users, so that replicas with the old one go on working while new ones start.
    pub credentials: u32,
    /// Whether no pod has the generation before any more: then its users are locked out.
    pub lock_previous: bool,
    /// What people wrote last to ask for new passwords and keys: Secrets that are made now answer it.
    pub rotation_request: Option<String>,
    /// How old passwords and keys get before the next generation of them is made.
    pub rotate_after: Option<Duration>,
    /// A hash of what is in each Secret that variables (`env`) name, by the Secret's name: pods that use it are replaced when it
    /// changes.
    pub env_secrets: BTreeMap<String, String>,
    /// How long a rollout may make no progress until it counts as failed, in seconds.
    pub progress_deadline_s: i32,
    /// Whether data and credentials stay.
    pub deletion_policy: DeletionPolicy,
    /// Scaled to nothing.
    pub hibernate: bool,
}

/// The mail server, as its Secret says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// Where its URL is: `smtp://user:password@host:587` or `smtps://…`.
    pub url: SecretKeyRef,
    /// The port in it, for network policies; 587 or 465 if it names none.
    pub port: i32,
    /// A hash of it: pods are replaced when it changes.
    pub content_hash: String,
    /// Who mails are from.
    pub from: String,
}

/// Who besides the platform's own pods may talk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkRules {
    /// To the gateway; empty: everybody.
    pub ingress_from: Vec<NetworkPolicyPeer>,
    /// Whom all pods may talk to besides.
    pub egress_to: Vec<NetworkPolicyPeer>,
}

impl Platform {
    /// The workload of that name.
    #[must_use]
    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads
            .iter()
            .find(|workload| workload.component.as_str() == name)
    }
}
