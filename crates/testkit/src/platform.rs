//! The whole shop as it runs in production: each service as processes of its own, on MongoDB, PostgreSQL and RabbitMQ, with
//! a fake mail server, replicas behind load balancers, and proxies on the edges that a test wants to break.
//!
//! ```no_run
//! # async fn test(program: &'static str, declare: testkit::platform::Declare) -> anyhow::Result<()> {
//! use testkit::platform::{Edge, Platform, Server, Service};
//!
//! let shop = Platform::builder(program, declare) // env!("CARGO_BIN_EXE_shop")
//!     .replicas(2)
//!     .chaos(Edge::Store(Service::Order))
//!     .own(Server::Rabbit)
//!     .start()
//!     .await?;
//! let admin = shop.admin().await?;
//! shop.product(&admin, "LAMP", 1_000, 5).await?;
//! let customer = shop.customer("ada").await?;
//!
//! shop.edge(Edge::Store(Service::Order)).cut_off().await;
//! shop.rabbit()?.kill().await?;
//! shop.replica(Service::Product, 0)?.kill().await?;
//! // … what is expected meanwhile …
//! shop.rabbit()?.start().await?;
//! shop.heal().await?;
//! shop.replica(Service::Product, 0)?.start().await?;
//!
//! shop.quiescent().await?; // all invariants, once nothing moves any more
//! # Ok(())
//! # }
//! ```
//!
//! Everything is gone when it is dropped, or when the process of the tests is; a test that fails keeps logs, mails, what
//! was in the stores, and own servers' data, and says where. Databases on shared servers stay as long as those run.

mod back_ends;
mod balancer;
mod builder;
mod edge;
mod environment;
mod folder;
mod provisioning;
mod replica;
mod service;
mod target;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::back_ends::BackEnds;
pub use self::back_ends::Server;
use self::balancer::Balancer;
pub use self::builder::{Builder, Declare};
pub use self::edge::{Edge, Lines};
use self::environment::ADMIN_EMAIL;
use self::folder::{ADMIN_PASSWORD, Folder, MAIL};
use self::provisioning::Provisioning;
pub use self::replica::Replica;
pub use self::service::Service;
use crate::chaos::Proxy;
use crate::checker::{Snapshot, StoreUrls, Stores, Tap};
use crate::client::Client;
use crate::front::Front;
use crate::mail_server::FakeMailServer;
use crate::servers::{Mongo, Postgres, Rabbit};

/// A running shop. What it consists of is dropped in this order: processes before what they need.
pub struct Platform {
    replicas: BTreeMap<Service, Vec<Replica>>,
    balancers: BTreeMap<Service, Balancer>,
    /// By edge; those of replicas in their order.
    proxies: BTreeMap<Edge, Vec<Proxy>>,
    stores: Stores,
    back_ends: BackEnds,
    provisioning: Option<Provisioning>,
    mail_server: FakeMailServer,
    folder: Folder,
}

impl Platform {
    /// The programs of the services are beside `program`, as cargo builds them: `env!("CARGO_BIN_EXE_shop")`.
    pub fn builder(program: impl AsRef<Path>, declare: Declare) -> Builder {
        Builder::new(program.as_ref(), declare)
    }

    /// One process of a service, by its number from 0.
    pub fn replica(&self, service: Service, number: usize) -> Result<&Replica> {
        self.replicas_of(service)
            .get(number)
            .with_context(|| format!("there is no {service}-{number}"))
    }

    /// All processes of a service.
    #[must_use]
    pub fn replicas_of(&self, service: Service) -> &[Replica] {
        self.replicas.get(&service).map_or(&[], Vec::as_slice)
    }

    /// All processes: the gateway's first.
    pub fn replicas(&self) -> impl Iterator<Item = &Replica> {
        self.replicas.values().flatten()
    }

    /// The proxies of an edge; none if the builder was not told of it.
    #[must_use]
    pub fn edge(&self, edge: Edge) -> Lines<'_> {
        Lines(self.proxies.get(&edge).into_iter().flatten().collect())
    }

    /// The proxies of all edges that have some.
    #[must_use]
    pub fn edges(&self) -> Lines<'_> {
        Lines(self.proxies.values().flatten().collect())
    }

    /// All edges pass again.
    pub async fn heal(&self) -> Result<()> {
        self.edges().pass().await
    }

    /// Its own PostgreSQL.
    pub fn postgres(&self) -> Result<&Postgres> {
        let own = self.back_ends.postgres.as_ref();
        own.context("PostgreSQL is shared: build with `.own(Server::Postgres)`")
    }

    /// Its own MongoDB.
    pub fn mongo(&self) -> Result<&Mongo> {
        let own = self.back_ends.mongo.as_ref();
        own.context("MongoDB is shared: build with `.own(Server::Mongo)`")
    }

    /// Its own RabbitMQ.
    pub fn rabbit(&self) -> Result<&Rabbit> {
        let own = self.back_ends.rabbit.as_ref();
        own.context("RabbitMQ is shared: build with `.own(Server::Rabbit)`")
    }

    /// The databases and the virtual host, not through proxies.
    #[must_use]
    pub fn urls(&self) -> &StoreUrls {
        &self.back_ends.urls
    }

    /// RabbitMQ's management API, with the administrator's name and password, without `/api`.
    #[must_use]
    pub fn rabbit_api_url(&self) -> &str {
        &self.back_ends.api_url
    }

    /// Runs `shopctl provision` on the broker once more, as the administrator does when something is missing there.
    pub async fn provision(&self) -> Result<()> {
        let provisioning = self.provisioning.as_ref();
        let provisioning = provisioning.context("build with `.provisioned()`")?;
        provisioning.run().await
    }

    /// `host:port` of the gateway, behind a load balancer: it stays when the gateway is started again.
    #[must_use]
    pub fn address(&self) -> String {
        self.balanced(Service::Gateway)
    }

    /// `host:port` of a service behind its load balancer.
    #[must_use]
    pub fn balanced(&self, service: Service) -> String {
        let balancer = self.balancers.get(&service);
        balancer.map_or_else(String::new, |balancer| balancer.address().to_string())
    }

    /// What people see of it.
    pub fn front(&self) -> Result<Front<'_>> {
        Ok(Front {
            address: self.address(),
            admin_email: ADMIN_EMAIL.to_owned(),
            admin_password: std::fs::read_to_string(self.folder.path().join(ADMIN_PASSWORD))?,
            stores: &self.stores,
        })
    }

    /// See [`Front::stranger`].
    pub fn stranger(&self) -> Result<Client> {
        self.front()?.stranger()
    }

    /// See [`Front::admin`].
    pub async fn admin(&self) -> Result<Client> {
        self.front()?.admin().await
    }

    /// See [`Front::customer`].
    pub async fn customer(&self, name: &str) -> Result<Client> {
        self.front()?.customer(name).await
    }

    /// See [`Front::customers`].
    pub async fn customers(&self, prefix: &str, count: usize) -> Result<Vec<Client>> {
        self.front()?.customers(prefix, count).await
    }

    /// See [`Front::product`].
    pub async fn product(&self, admin: &Client, sku: &str, cents: i64, stock: u32) -> Result<()> {
        self.front()?.product(admin, sku, cents, stock).await
    }

    /// The stores, for looks of one's own.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// What passed the exchange since before the first event.
    pub fn tap(&self) -> Result<&Tap> {
        self.stores.tap().context("there is no tap")
    }

    /// The folder that the mail server keeps mails in, each as often as it came; read it with [`crate::maildir`].
    #[must_use]
    pub fn mails(&self) -> PathBuf {
        self.folder.path().join(MAIL)
    }

    /// Its folder: `logs`, `mail`, `admin-password`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until nothing moves any more (I3), then checks that all invariants hold, and returns what was in the stores then.
    /// A failure leaves that in `snapshot.txt` in the folder.
    pub async fn quiescent(&self) -> Result<Snapshot> {
        let error = match self.stores.quiescent().await {
            Ok(snapshot) => return Ok(snapshot),
            Err(error) => error,
        };
        if let Ok(snapshot) = self.stores.snapshot().await {
            self.write_down(&snapshot)?;
        }
        Err(error.context(format!("see {}", self.folder.path().display())))
    }

    /// Leaves what was in the stores as `snapshot.txt` in the folder, and keeps that: databases on shared servers go with the
    /// servers, which `make test` ends whatever a test wants to keep.
    pub fn write_down(&self, snapshot: &Snapshot) -> Result<()> {
        self.keep();
        let text = format!("{snapshot:#?}\n");
        std::fs::write(self.folder.path().join("snapshot.txt"), text)?;
        Ok(())
    }

    /// Keeps the folder, for a test that is going to fail after this was dropped.
    pub fn keep(&self) {
        self.folder.keep(true);
    }
}
