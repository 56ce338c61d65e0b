//! The five services as five processes on their own PostgreSQL, MongoDB and RabbitMQ, all of them durable.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use contracts::topology::BINDINGS;
use futures_util::future::BoxFuture;
use http::StatusCode;
use messaging::rabbitmq::RabbitBroker;
use messaging::{Broker as _, BrokerSettings};
use service_kit::{Lifecycle, LifecycleSettings};
use sqlx::PgPool;
use testkit::client::Client;
use testkit::platform::{Builder, Platform, Server, Service};
use testkit::wait;

use crate::load::Load;
use crate::process;
use crate::requests::{self, Make};

/// How many customers order, in turn.
const CUSTOMERS: usize = 16;
/// Pieces of each product: never sold out.
const STOCK: u32 = 1_000_000;
/// How long all orders may take to be confirmed.
const DRAIN: Duration = Duration::from_mins(30);
/// How long the checker waits for rest.
const REST: Duration = Duration::from_mins(10);
/// Access tokens live as long as they can: an hour.
const TOKEN_S: &str = "3600";

/// A running shop with products and customers.
pub struct RealShop {
    /// The processes and their servers.
    pub shop: Platform,
    /// The administrator.
    pub admin: Client,
    /// The order service's database, not through the service.
    pub orders: PgPool,
    tokens: Arc<[String]>,
    /// The number of the next order.
    next: u64,
    /// How many were accepted.
    accepted: u64,
}

/// Processor time that was used.
#[derive(Clone, Copy)]
pub struct Used {
    /// By the five services.
    pub services: Duration,
    /// By PostgreSQL, MongoDB and RabbitMQ.
    pub servers: Duration,
    /// By this process: the load, and the load balancers between the services.
    pub load: Duration,
}

impl Used {
    /// What was used since.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            services: self.services.saturating_sub(before.services),
            servers: self.servers.saturating_sub(before.servers),
            load: self.load.saturating_sub(before.load),
        }
    }
}

impl RealShop {
    /// Starts everything, one replica each; the programs of the services are beside `program`.
    pub async fn start(program: &str) -> Result<Self> {
        let shop = platform(program).start().await?;
        let admin = shop.admin().await?;
        shop.product(&admin, "BENCH", 1_299, STOCK).await?;
        for n in 0..requests::MANY {
            shop.product(&admin, &requests::one_of_many(n), 1_299, STOCK)
                .await?;
        }
        let customers = shop.customers("bench", CUSTOMERS).await?;
        let tokens = customers.iter().map(token).collect::<Result<Vec<_>>>()?;
        let orders = PgPool::connect_lazy(&shop.urls().order)?;
        Ok(Self {
            shop,
            admin,
            orders,
            tokens: tokens.into(),
            next: 0,
            accepted: 0,
        })
    }

    /// Requests of all customers in turn, straight to the gateway.
    pub fn load(&self, make: Make, expected: StatusCode) -> Result<Load> {
        Ok(Load {
            address: self.shop.replica(Service::Gateway, 0)?.address()?,
            tokens: Arc::clone(&self.tokens),
            expected,
            make,
        })
    }

    /// The numbers of the next orders, which must all be accepted.
    pub fn next(&mut self, orders: u64) -> Range<u64> {
        self.accepted += orders;
        self.some(orders)
    }

    /// The numbers of at most so many orders; [`RealShop::accept`] is told how many were accepted.
    pub fn some(&mut self, orders: u64) -> Range<u64> {
        let first = self.next;
        self.next += orders;
        first..self.next
    }

    /// So many orders were accepted.
    pub fn accept(&mut self, orders: u64) {
        self.accepted += orders;
    }

    /// How many orders were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Waits until no order waits for anything.
    pub async fn drained(&self) -> Result<()> {
        wait::until_within(DRAIN, "all orders to be decided", || async {
            // Along the index of those that wait.
            let first =
                "SELECT due_at FROM orders WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
            let first = sqlx::query_scalar::<_, i64>(first).fetch_optional(&self.orders);
            Ok(first.await?.is_none().then_some(()))
        })
        .await
    }

    /// How many events of the order service wait for the broker.
    pub async fn outbox(&self) -> Result<i64> {
        let waiting = "SELECT count(*) FROM outbox WHERE published_at IS NULL";
        Ok(sqlx::query_scalar(waiting).fetch_one(&self.orders).await?)
    }

    /// Waits for rest, checks all invariants that need no tap, and that exactly what was accepted is there and confirmed.
    pub async fn exact(&self) -> Result<()> {
        let stores = self.shop.quiescent().await?;
        let orders = stores.order.as_ref().context("no orders")?;
        let confirmed = orders.orders.values();
        let confirmed = confirmed
            .filter(|order| order.status == "confirmed")
            .count();
        let (there, accepted) = (orders.orders.len(), usize::try_from(self.accepted)?);
        ensure!(
            there == accepted && confirmed == accepted,
            "{accepted} orders were accepted, {there} are there, {confirmed} of them confirmed"
        );
        let parked = stores.parked();
        ensure!(parked.is_empty(), "parked: {parked:?}");
        Ok(())
    }

    /// The process of a service.
    pub fn pid(&self, service: Service) -> Result<u32> {
        let name = self.shop.replica(service, 0)?.name();
        let log = self.shop.folder().join("logs").join(format!("{name}.log"));
        let found = process::writing_to(&log)?;
        let pid = found.first().copied();
        pid.with_context(|| format!("{name} does not run"))
    }

    /// Processor time used so far.
    pub fn used(&self) -> Result<Used> {
        let mut services = Vec::new();
        for service in SERVICES {
            services.push(self.pid(service)?);
        }
        let mut servers = Vec::new();
        for folder in [
            self.shop.postgres()?.folder(),
            self.shop.mongo()?.member(0)?.folder(),
            self.shop.rabbit()?.folder(),
        ] {
            servers.extend(process::writing_to(&folder.join("log"))?);
        }
        Ok(Used {
            services: process::cpu_time_of_all(&services)?,
            servers: process::cpu_time_of_all(&servers)?,
            load: process::cpu_time(std::process::id())?,
        })
    }
}

/// The five.
pub const SERVICES: [Service; 5] = [
    Service::Gateway,
    Service::User,
    Service::Product,
    Service::Order,
    Service::Notification,
];

fn platform(program: &str) -> Builder {
    Platform::builder(Path::new(program), declare)
        .own(Server::Postgres)
        .own(Server::Mongo)
        .own(Server::Rabbit)
        .setting(Service::User, "TOKENS__ACCESS_S", TOKEN_S)
        // No mail server in the process that makes the load: mails go to a folder, as they did in all rounds.
        .setting(Service::Notification, "SMTP__HOST", "")
        .patience(REST)
        .untapped()
}

/// All queues, as an administrator makes them before the first start.
fn declare(url: String) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        let life = Lifecycle::new("administrator", LifecycleSettings::default());
        let broker = RabbitBroker::connect(&BrokerSettings::at(url), "administrator", &life)?;
        broker.declare(BINDINGS).await?;
        broker.close().await;
        life.shut_down().await?;
        Ok(())
    })
}

/// The access token of somebody who is signed in.
pub fn token(of: &Client) -> Result<String> {
    Ok(of.token().context("not signed in")?.to_owned())
}
