//! The servers, as they are built or found.

use std::collections::BTreeSet;

use super::Image;
use crate::resource::Resources;

/// MongoDB.
#[derive(Clone, Debug, PartialEq)]
pub enum MongoDb {
    /// A replica set of ours.
    Managed(Managed),
    /// Somebody else's.
    External(External),
}

/// PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub enum Postgres {
    /// One server of ours.
    Managed(Managed),
    /// A `Cluster` of `CloudNativePG`.
    CloudNativePg(CloudNativePg),
    /// Somebody else's.
    External(External),
}

/// RabbitMQ.
#[derive(Clone, Debug, PartialEq)]
pub enum RabbitMq {
    /// A cluster of ours.
    Managed(Managed),
    /// Somebody else's.
    External(External),
}

/// A server that the operator runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Managed {
    /// 1 or 3.
    pub members: i32,
    /// Its image.
    pub image: Image,
    /// The disk of each member.
    pub storage: Storage,
    /// Processor and memory of each member.
    pub resources: Resources,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// As Kubernetes writes quantities.
    pub size: String,
    /// Its class; none: the cluster's default.
    pub class_name: Option<String>,
}

/// A server that somebody else runs, as its Secret says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The Secret's name.
    pub secret: String,
    /// The keys that it has.
    pub keys: BTreeSet<String>,
    /// The ports in its URIs, for network policies; those of the protocol where a URI names none.
    pub ports: BTreeSet<i32>,
    /// A hash of what is in it: pods are replaced when it changes.
    pub content_hash: String,
}

/// A `Cluster` of `CloudNativePG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudNativePg {
    /// How many servers.
    pub instances: i32,
    /// The disk of each.
    pub storage: Storage,
}
