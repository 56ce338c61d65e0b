//! What becomes a Deployment.

use serde_json::Value;

use crate::names::Component;
use crate::resource::{EnvVar, Need, Protocol, Resources};

/// A whole image reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image(pub String);

/// What becomes a Deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Its name.
    pub component: Component,
    /// What it is.
    pub role: Role,
    /// Its image.
    pub image: Image,
    /// Where it listens; our own have their admin port 6000 above.
    pub port: i32,
    /// How many there are.
    pub replicas: Replicas,
    /// Processor and memory.
    pub resources: Resources,
    /// More variables, after ours.
    pub env: Vec<EnvVar>,
    /// Merged into the pod template.
    pub pod_template: Option<Value>,
}

/// What a workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The entry.
    Gateway,
    /// One of the four.
    Core(CoreService),
    /// One that people add.
    Extra(ExtraService),
}

/// One of the four services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CoreService {
    /// Accounts, on MongoDB.
    User,
    /// Catalog and stock, on MongoDB.
    Product,
    /// Orders, on PostgreSQL.
    Order,
    /// Mails, on PostgreSQL.
    Notification,
}

impl CoreService {
    /// All four.
    pub const ALL: [Self; 4] = [Self::User, Self::Product, Self::Order, Self::Notification];

    /// Its name: also that of its database, user and image.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Notification => "notification",
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(self) -> i32 {
        match self {
            Self::User => 3001,
            Self::Product => 3002,
            Self::Order => 3003,
            Self::Notification => 3004,
        }
    }

    /// The server of its store.
    #[must_use]
    pub const fn store(self) -> Need {
        match self {
            Self::User | Self::Product => Need::Mongodb,
            Self::Order | Self::Notification => Need::Postgres,
        }
    }
}

/// A service that people add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraService {
    /// What it speaks.
    pub protocol: Protocol,
    /// Sorted, each once.
    pub needs: Vec<Need>,
    /// First words of its events.
    pub tells: Vec<String>,
    /// Events that its queues may be bound to.
    pub hears: Vec<String>,
}

/// How many replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// So many.
    Fixed(i32),
    /// As many as the load needs.
    Auto {
        /// At least.
        min: i32,
        /// At most.
        max: i32,
        /// Of what is requested, in percent.
        cpu_percent: i32,
    },
}

impl Replicas {
    /// The fewest that there are while the platform is awake.
    #[must_use]
    pub const fn least(self) -> i32 {
        match self {
            Self::Fixed(replicas) => replicas,
            Self::Auto { min, .. } => min,
        }
    }
}

impl Workload {
    /// The port of health and metrics, if it is one of ours.
    #[must_use]
    pub fn admin_port(&self) -> Option<i32> {
        match self.role {
            Role::Gateway | Role::Core(_) => Some(self.port.saturating_add(6000)),
            Role::Extra(_) => None,
        }
    }

    /// What it is given a database, user or queue on.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        match &self.role {
            Role::Gateway => Vec::new(),
            Role::Core(service) => vec![service.store(), Need::Rabbitmq],
            Role::Extra(extra) => extra.needs.clone(),
        }
    }
}
