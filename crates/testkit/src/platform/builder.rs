//! How a platform is put together.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures_util::future::{BoxFuture, try_join_all};
use tokio::process::Command;

use super::back_ends::{BackEnds, Server};
use super::balancer::Balancer;
use super::environment::{self, Neighbours};
use super::folder::{Folder, MAIL};
use super::provisioning::Provisioning;
use super::{Edge, Platform, Replica, Service};
use crate::chaos::Proxy;
use crate::checker::{Stores, Tap};
use crate::mail_server::FakeMailServer;

/// Makes all queues and bindings in the virtual host of the URL, as an administrator does before the first start.
pub type Declare = fn(String) -> BoxFuture<'static, Result<()>>;

/// How long a migration may take.
const MIGRATION: Duration = Duration::from_mins(1);

/// What a platform is to be like. Without a word: one replica of each service, the servers of `make test`, no proxies, a tap.
#[must_use]
pub struct Builder {
    programs: PathBuf,
    declare: Declare,
    replicas: BTreeMap<Service, usize>,
    edges: BTreeSet<Edge>,
    own: BTreeSet<Server>,
    provisioned: bool,
    disk_mib: Option<u32>,
    settings: Vec<(Service, String, String)>,
    patience: Option<Duration>,
    tapped: bool,
    mails_may_repeat: bool,
}

impl Builder {
    pub(super) fn new(beside: &Path, declare: Declare) -> Self {
        Self {
            programs: beside.parent().unwrap_or(beside).to_owned(),
            declare,
            replicas: BTreeMap::new(),
            edges: BTreeSet::new(),
            own: BTreeSet::new(),
            provisioned: false,
            disk_mib: None,
            settings: Vec::new(),
            patience: None,
            tapped: true,
            mails_may_repeat: false,
        }
    }

    /// So many of each service behind the gateway.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas
            .extend(Service::BEHIND.map(|service| (service, count)));
        self
    }

    /// So many of this service, which may be the gateway.
    pub fn replicas_of(mut self, service: Service, count: usize) -> Self {
        self.replicas.insert(service, count);
        self
    }

    /// With proxies on this edge, that a test breaks by [`Platform::edge`].
    pub fn chaos(mut self, edge: Edge) -> Self {
        self.edges.insert(edge);
        self
    }

    /// With proxies on every edge.
    pub fn chaos_everywhere(mut self) -> Self {
        self.edges.extend(Edge::all());
        self
    }

    /// With a server of its own, that a test kills, halts and starts again by [`Platform::postgres`] and its neighbours. It
    /// takes seconds to start.
    pub fn own(mut self, server: Server) -> Self {
        self.own.insert(server);
        self
    }

    /// With a RabbitMQ of its own, to which each service comes as the user that `shopctl provision` made for it. Without this word
    /// all are administrators.
    pub fn provisioned(mut self) -> Self {
        self.provisioned = true;
        self.own(Server::Rabbit)
    }

    /// Its own PostgreSQL and MongoDB have disks of so many MiB, which a test fills by `fill_disk`.
    pub fn disk_mib(mut self, size: u32) -> Self {
        self.disk_mib = Some(size);
        self
    }

    /// With a setting of all replicas of a service: `("DEADLINES__RESERVE_S", "1")`.
    pub fn setting(mut self, service: Service, key: &str, value: &str) -> Self {
        self.settings
            .push((service, key.to_owned(), value.to_owned()));
        self
    }

    /// [`Platform::quiescent`] waits that long for rest, and not five minutes.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Without a tap: a measurement must not make the broker deliver everything once more. What only a tap sees is not checked.
    pub fn untapped(mut self) -> Self {
        self.tapped = false;
        self
    }

    /// What happens to the notification service makes mails come again: it is killed, or stands still for longer than a lease
    /// lasts. Without this word a mail that comes twice is a failure.
    pub fn mails_may_repeat(mut self) -> Self {
        self.mails_may_repeat = true;
        self
    }

    /// Makes databases and queues, migrates, starts all processes, and waits until all are ready.
    pub async fn start(self) -> Result<Platform> {
        self.check_programs()?;
        let folder = Folder::new()?;
        let back_ends = BackEnds::start(&self.own, self.disk_mib).await?;
        let provisioning = self.provision(&back_ends).await?;
        let mails = folder.path().join(MAIL);
        let mail_server = FakeMailServer::start(&mails).await?;
        let mut stores = Stores::at(&back_ends.urls).await?.mailing_to(mails);
        if self.mails_may_repeat {
            stores = stores.mails_may_repeat();
        }
        if self.tapped {
            stores = stores.tapped(Tap::open(&back_ends.urls.broker).await?);
        }
        if let Some(patience) = self.patience {
            stores = stores.patience(patience);
        }
        let migrated = Service::BEHIND.map(|service| self.migrate(service, &back_ends, &folder));
        try_join_all(migrated).await?;

        let mut platform = Platform {
            replicas: BTreeMap::new(),
            balancers: BTreeMap::new(),
            proxies: BTreeMap::new(),
            stores,
            back_ends,
            provisioning,
            mail_server,
            folder,
        };
        self.wire(&mut platform).await?;
        let all = platform.replicas.values().flatten();
        try_join_all(all.map(Replica::start)).await?;
        for balancer in platform.balancers.values() {
            balancer.listens().await?;
        }
        platform.folder.keep(false);
        Ok(platform)
    }

    /// Makes the queues, and the services' users if each is to have one.
    async fn provision(&self, back_ends: &BackEnds) -> Result<Option<Provisioning>> {
        if self.provisioned {
            let provisioning = Provisioning::new(&self.programs, back_ends)?;
            provisioning.run().await?;
            return Ok(Some(provisioning));
        }
        (self.declare)(back_ends.urls.broker.clone())
            .await
            .context("cannot declare the queues")?;
        Ok(None)
    }

    /// The user service first: all others ask it for its keys. The gateway last.
    async fn wire(&self, platform: &mut Platform) -> Result<()> {
        for service in Service::BEHIND.into_iter().chain([Service::Gateway]) {
            let count = self.replicas.get(&service).copied().unwrap_or(1);
            let mut replicas = Vec::new();
            for number in 0..count {
                replicas.push(self.replica(platform, service, number).await?);
            }
            let targets = replicas.iter().map(Replica::target).collect();
            platform
                .balancers
                .insert(service, Balancer::start(targets)?);
            platform.replicas.insert(service, replicas);
        }
        Ok(())
    }

    async fn replica(
        &self,
        platform: &mut Platform,
        service: Service,
        number: usize,
    ) -> Result<Replica> {
        let mut neighbours = Neighbours {
            user: platform.balanced(Service::User),
            mail: Some(platform.mail_server.address()),
            ..Neighbours::default()
        };
        if let Some(store) = platform.back_ends.store(service) {
            let store = store.to_owned();
            let broker = match &platform.provisioning {
                Some(provisioning) => provisioning.broker_of(service)?,
                None => platform.back_ends.urls.broker.clone(),
            };
            neighbours.store = Some(
                self.line(platform, Edge::Store(service), number, store)
                    .await?,
            );
            neighbours.broker = Some(
                self.line(platform, Edge::Broker(service), number, broker)
                    .await?,
            );
        }
        if service == Service::Order {
            let user = neighbours.user.clone();
            neighbours.address_books = self.hop(platform, Edge::AddressBooks, number, user).await?;
        }
        if service == Service::Gateway {
            for upstream in Service::BEHIND {
                let balanced = platform.balanced(upstream);
                let address = self
                    .hop(platform, Edge::Upstream(upstream), number, balanced)
                    .await?;
                neighbours.upstreams.push((upstream, address));
            }
        }
        let environment = environment::of(service, &neighbours, &platform.folder, &self.settings);
        let program = self.programs.join(service.as_str());
        Replica::new(service, number, program, environment, |name| {
            platform.folder.log(name)
        })
    }

    /// The URL, through a proxy if this edge is to have one.
    async fn line(
        &self,
        platform: &mut Platform,
        edge: Edge,
        replica: usize,
        url: String,
    ) -> Result<String> {
        if !self.edges.contains(&edge) {
            return Ok(url);
        }
        let proxy = Proxy::before(&url).await?;
        let through = proxy.url();
        platform.proxies.entry(edge).or_default().push(proxy);
        let count = platform.proxies.get(&edge).map_or(0, Vec::len);
        debug_assert_eq!(count, replica + 1, "replicas are made in their order");
        Ok(through)
    }

    /// The same for `host:port`.
    async fn hop(
        &self,
        platform: &mut Platform,
        edge: Edge,
        replica: usize,
        address: String,
    ) -> Result<String> {
        let url = self
            .line(platform, edge, replica, format!("http://{address}"))
            .await?;
        let address = url.trim_start_matches("http://");
        Ok(address.trim_end_matches('/').to_owned())
    }

    async fn migrate(&self, service: Service, back_ends: &BackEnds, folder: &Folder) -> Result<()> {
        let neighbours = Neighbours {
            store: back_ends.store(service).map(ToOwned::to_owned),
            ..Neighbours::default()
        };
        let migration = Command::new(self.programs.join(service.as_str()))
            .arg("migrate")
            .env_clear()
            .envs(environment::of(
                service,
                &neighbours,
                folder,
                &self.settings,
            ))
            .kill_on_drop(true)
            .output();
        let done = tokio::time::timeout(MIGRATION, migration).await??;
        let said = [done.stdout, done.stderr].concat();
        std::fs::write(folder.log(&format!("{service}-migrate")), &said)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&said);
            bail!("`{service} migrate` ended with {}:\n{said}", done.status);
        }
        Ok(())
    }

    fn check_programs(&self) -> Result<()> {
        for service in [Service::Gateway].into_iter().chain(Service::BEHIND) {
            let program = self.programs.join(service.as_str());
            if !program.exists() {
                bail!(
                    "{} is not there: `make test` builds it; by hand: cargo build --workspace --bins",
                    program.display()
                );
            }
        }
        Ok(())
    }
}
