//! Everything that can break, breaks at random, two things at a time, while customers order; in the end everything is exact.
//!
//! `make nemesis SECONDS=600 SEED=7`. A run of `SEED` draws the same faults in the same order; when they strike depends on the
//! machine. A failure prints the seed and keeps stores and logs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::chaos::Direction;
use testkit::platform::{Edge, Platform, Replica, Server, Service};
use testkit::seed;
use tokio::time::Instant;

use crate::platform::platform;
use crate::trial::{Trial, lasting};

/// How long it goes on in `make test`.
const USUAL: u64 = 60;
/// How long a shop that was treated like this may take to come to rest.
const PATIENCE: Duration = Duration::from_mins(6);
/// A fault lasts between these many milliseconds.
const LASTING: std::ops::Range<u64> = 200..5_000;

fn duration() -> Duration {
    let named = std::env::var("NEMESIS_SECONDS").ok();
    let seconds = named.and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(USUAL))
}

/// What happens to a process of the shop.
#[derive(Clone, Copy, Debug)]
enum ToReplica {
    Kill,
    Terminate,
    Halt,
    /// It dies at a named moment, when it comes to it.
    Crash(&'static str),
}

/// What happens to a server or to the network.
#[derive(Clone, Copy, Debug)]
enum ToOthers {
    KillRabbit,
    KillPostgres,
    KillMongo,
    HaltRabbit,
    HaltPostgres,
    HaltMongo,
    MemoryAlarm,
    EndSessions,
    Cut,
    Reset,
    Silence,
    Delay,
    LoseReply,
}

const TO_OTHERS: [ToOthers; 13] = [
    ToOthers::KillRabbit,
    ToOthers::KillPostgres,
    ToOthers::KillMongo,
    ToOthers::HaltRabbit,
    ToOthers::HaltPostgres,
    ToOthers::HaltMongo,
    ToOthers::MemoryAlarm,
    ToOthers::EndSessions,
    ToOthers::Cut,
    ToOthers::Reset,
    ToOthers::Silence,
    ToOthers::Delay,
    ToOthers::LoseReply,
];

/// Crash points that a service passes again and again.
fn crash_points(service: Service) -> &'static [&'static str] {
    match service {
        Service::Order => &[
            "order.before_commit",
            "order.after_commit",
            "relay.after_claim",
            "relay.after_publish",
            "relay.after_confirm",
            "consumer.order.stock.after_commit",
        ],
        Service::Product => &[
            "product.mid_transaction",
            "consumer.product.orders.on_receipt",
            "consumer.product.orders.after_commit",
            "relay.after_publish",
        ],
        Service::Notification => &[
            "consumer.notification.intake.after_commit",
            "notification.sender.after_send",
            "notification.sender.after_record",
        ],
        Service::User | Service::Gateway => &[],
    }
}

/// One who breaks things, one after the other.
struct Nemesis<'s> {
    shop: &'s Platform,
    random: StdRng,
    begun: Instant,
    until: Duration,
    done: BTreeMap<String, usize>,
}

impl<'s> Nemesis<'s> {
    fn new(shop: &'s Platform, random: &mut StdRng, until: Duration) -> Self {
        Self {
            shop,
            random: StdRng::seed_from_u64(random.random()),
            begun: Instant::now(),
            until,
            done: BTreeMap::new(),
        }
    }

    fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.until
    }

    /// Shown by a failing run.
    fn tell(&mut self, what: &str, of: &str) {
        eprintln!("{:7.2} s  {what} {of}", self.begun.elapsed().as_secs_f64());
        *self.done.entry(what.to_owned()).or_default() += 1;
    }

    fn some_time(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(LASTING))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<T> {
        all.choose(&mut self.random)
            .copied()
            .context("nothing to draw from")
    }

    /// Processes of the shop.
    async fn on_replicas(mut self) -> Result<BTreeMap<String, usize>> {
        while self.goes_on() {
            let service = self.one_of(&Service::BEHIND)?;
            let number = self.random.random_range(0..2);
            let mut kinds = vec![ToReplica::Kill, ToReplica::Terminate, ToReplica::Halt];
            kinds.extend(crash_points(service).iter().copied().map(ToReplica::Crash));
            let kind = self.one_of(&kinds)?;
            let time = self.some_time();
            let replica = self.shop.replica(service, number)?;
            self.tell(&format!("{kind:?}"), replica.name());
            to_replica(replica, kind, time).await?;
            lasting(self.some_time() / 2).await;
        }
        Ok(self.done)
    }

    /// Servers and the network.
    async fn on_others(mut self) -> Result<BTreeMap<String, usize>> {
        while self.goes_on() {
            let kind = self.one_of(&TO_OTHERS)?;
            let edge = self.one_of(&Edge::all())?;
            let service =
                self.one_of(&[Service::Product, Service::Order, Service::Notification])?;
            let time = self.some_time();
            let of = match kind {
                ToOthers::Cut | ToOthers::Reset | ToOthers::Silence | ToOthers::Delay => {
                    format!("{edge:?}")
                }
                ToOthers::LoseReply => format!("{service}"),
                _ => String::new(),
            };
            self.tell(&format!("{kind:?}"), &of);
            self.do_to_others(kind, edge, service, time).await?;
            lasting(self.some_time() / 2).await;
        }
        Ok(self.done)
    }

    async fn do_to_others(
        &mut self,
        kind: ToOthers,
        edge: Edge,
        service: Service,
        time: Duration,
    ) -> Result<()> {
        let shop = self.shop;
        match kind {
            ToOthers::KillRabbit => killed(shop.rabbit()?, time).await,
            ToOthers::KillPostgres => killed(shop.postgres()?, time).await,
            ToOthers::KillMongo => killed(shop.mongo()?.member(0)?, time).await,
            ToOthers::HaltRabbit => halted(shop.rabbit()?, time).await,
            ToOthers::HaltPostgres => halted(shop.postgres()?, time).await,
            ToOthers::HaltMongo => halted(shop.mongo()?.member(0)?, time).await,
            ToOthers::MemoryAlarm => {
                let watermark = "set_vm_memory_high_watermark";
                let rabbit = shop.rabbit()?;
                rabbit.control(&[watermark, "absolute", "1MB"]).await?;
                lasting(time).await;
                rabbit.control(&[watermark, "0.4"]).await.map(drop)
            }
            ToOthers::EndSessions => end_sessions(shop).await,
            ToOthers::Cut => {
                shop.edge(edge).cut_off().await;
                lasting(time).await;
                shop.edge(edge).pass().await
            }
            ToOthers::Reset => {
                shop.edge(edge).reset();
                Ok(())
            }
            ToOthers::Silence => {
                let ways = [Direction::ToClient, Direction::ToServer, Direction::Both];
                shop.edge(edge).black_hole(self.one_of(&ways)?);
                lasting(time).await;
                shop.edge(edge).pass().await
            }
            ToOthers::Delay => {
                shop.edge(edge).delay(Direction::Both, time / 20);
                lasting(time).await;
                shop.edge(edge).pass().await
            }
            ToOthers::LoseReply => {
                let lines = shop.edge(Edge::Store(service));
                let proxy = lines
                    .of(self.random.random_range(0..2))
                    .context("no proxy")?;
                let request: &[u8] = match service {
                    Service::Product => b"commitTransaction",
                    // Of the one statement that places an order.
                    Service::Order => b"unit_price",
                    // Of the one statement that takes an event in.
                    _ => b"order_number",
                };
                let cut = proxy.cut_reply_after(request);
                // It may not come to it while other things are broken.
                let _ = tokio::time::timeout(time, cut.done()).await;
                shop.edge(Edge::Store(service)).pass().await
            }
        }
    }
}

async fn killed(server: &testkit::servers::ServerProcess, time: Duration) -> Result<()> {
    server.kill().await?;
    lasting(time).await;
    server.start().await
}

async fn halted(server: &testkit::servers::ServerProcess, time: Duration) -> Result<()> {
    server.pause().await?;
    lasting(time).await;
    server.resume().await
}

async fn end_sessions(shop: &Platform) -> Result<()> {
    let mut connection = PgConnection::connect(&shop.urls().order).await?;
    connection
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .await?;
    Ok(())
}

async fn to_replica(replica: &Replica, kind: ToReplica, time: Duration) -> Result<()> {
    match kind {
        ToReplica::Kill => {
            replica.kill().await?;
            lasting(time).await;
            replica.launch_with(&[]).await
        }
        ToReplica::Terminate => {
            replica.stop().await?;
            replica.launch_with(&[]).await
        }
        ToReplica::Halt => {
            replica.pause().await?;
            lasting(time).await;
            replica.resume().await
        }
        ToReplica::Crash(point) => {
            replica.stop().await?;
            let armed = format!("{point}:3");
            replica.launch_with(&[("SHOP_CRASH_AT", &armed)]).await?;
            // It may not come to it while other things are broken.
            lasting(time).await;
            replica.kill().await?;
            replica.launch_with(&[]).await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_is_lost_or_doubled() {
    let mut random = seed::generator("nemesis");
    let builder = platform()
        .replicas(2)
        .own(Server::Rabbit)
        .own(Server::Postgres)
        .own(Server::Mongo)
        .chaos_everywhere()
        .patience(PATIENCE);
    let mut trial = Trial::start(builder, "nemesis customers").await.unwrap();
    let mut faults = BTreeMap::new();
    trial
        .during(async |shop| {
            let replicas = Nemesis::new(shop, &mut random, duration()).on_replicas();
            let others = Nemesis::new(shop, &mut random, duration()).on_others();
            let (replicas, others) = tokio::try_join!(replicas, others)?;
            faults.extend(replicas);
            faults.extend(others);
            shop.heal().await?;
            all_run(shop).await
        })
        .await
        .unwrap();
    let stores = trial.exact().await.unwrap();
    report(&faults, &trial.load.outcomes(&stores));
}

/// Waits until all replicas are ready; one that had ended by itself is started again, as Kubernetes would.
async fn all_run(shop: &Platform) -> Result<()> {
    for replica in shop.replicas() {
        if !replica.is_running().await? {
            let log = replica.log();
            let last = log.lines().last().unwrap_or_default();
            eprintln!("{} had ended by itself: {last}", replica.name());
            replica.launch_with(&[]).await?;
        }
        replica.until_ready().await?;
    }
    Ok(())
}

/// For `make nemesis`, which shows it.
fn report(faults: &BTreeMap<String, usize>, orders: &BTreeMap<String, usize>) {
    let count = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
    eprintln!("{} faults: {faults:?}", count(faults));
    eprintln!("{} orders: {orders:?}", count(orders));
}
