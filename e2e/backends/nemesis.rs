//! Everything that can break, breaks at random, two things at a time, while customers order; in the end everything is exact.
//!
//! `make nemesis SECONDS=600 SEED=7`. A run of `SEED` draws the same faults in the same order; when they strike depends on the
//! machine. A failure prints the seed and keeps stores and logs.

mod faults;

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::StatusCode;
use sqlx::{Connection as _, PgConnection};
use testkit::chaos::Direction;
use testkit::platform::{Edge, Platform, Replica, Server, Service};
use testkit::servers::{Rabbit, ServerProcess};
use testkit::{seed, wait};
use tokio::time::Instant;

use self::faults::{Faults, SERVICES, TO_OTHERS, ToOthers, ToReplica, crash_points};
use crate::platform::platform;
use crate::trial::{Trial, lasting};

/// How long it goes on in `make test`.
const USUAL: u64 = 60;
/// How long a shop that was treated like this may take to come to rest.
const PATIENCE: Duration = Duration::from_mins(6);
/// A fault lasts between these many milliseconds.
const LASTING: std::ops::Range<u64> = 200..5_000;

/// The pass at which an armed crash point strikes, and how long it is waited for that.
const PASS: u32 = 2;
const REACHED_WITHIN: Duration = Duration::from_secs(5);

fn duration() -> Duration {
    let named = std::env::var("NEMESIS_SECONDS").ok();
    let seconds = named.and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(USUAL))
}

/// One who breaks things, one after the other.
struct Nemesis<'s> {
    shop: &'s Platform,
    random: StdRng,
    begun: Instant,
    until: Duration,
    done: Faults,
}

impl<'s> Nemesis<'s> {
    fn new(shop: &'s Platform, random: &mut StdRng, until: Duration) -> Self {
        Self {
            shop,
            random: StdRng::seed_from_u64(random.random()),
            begun: Instant::now(),
            until,
            done: Faults::default(),
        }
    }

    fn goes_on(&self) -> bool {
        self.begun.elapsed() < self.until
    }

    /// Shown by a failing run.
    fn tell(&self, what: &str, of: &str) {
        eprintln!("{:7.2} s  {what} {of}", self.begun.elapsed().as_secs_f64());
    }

    fn some_time(&mut self) -> Duration {
        Duration::from_millis(self.random.random_range(LASTING))
    }

    /// Between two faults: the next one strikes in whatever state the last one left the shop.
    async fn pause(&mut self) {
        lasting(self.some_time() / 2).await;
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Result<T> {
        all.choose(&mut self.random)
            .copied()
            .context("nothing to draw from")
    }

    /// Processes of the shop.
    async fn on_replicas(mut self) -> Result<Faults> {
        while self.goes_on() {
            let service = self.one_of(&SERVICES)?;
            let number = self.random.random_range(0..2);
            let mut kinds = vec![ToReplica::Kill, ToReplica::Terminate, ToReplica::Halt];
            kinds.extend(crash_points(service).iter().copied().map(ToReplica::Crash));
            let kind = self.one_of(&kinds)?;
            let time = self.some_time();
            let replica = self.shop.replica(service, number)?;
            let what = format!("{kind:?}");
            self.tell(&what, replica.name());
            let struck = to_replica(replica, kind, time).await;
            let struck = struck.with_context(|| format!("{what} {}", replica.name()))?;
            self.done.count(what, struck);
            self.pause().await;
        }
        Ok(self.done)
    }

    /// Servers and the network.
    async fn on_others(mut self) -> Result<Faults> {
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
            let what = format!("{kind:?}");
            self.tell(&what, &of);
            let struck = self.do_to_others(kind, edge, service, time).await;
            let struck = struck.with_context(|| format!("{what} {of}"))?;
            self.done.count(what, struck);
            self.pause().await;
        }
        Ok(self.done)
    }

    async fn do_to_others(
        &mut self,
        kind: ToOthers,
        edge: Edge,
        service: Service,
        time: Duration,
    ) -> Result<bool> {
        let shop = self.shop;
        match kind {
            ToOthers::KillRabbit => killed(shop.rabbit()?, time).await,
            ToOthers::KillPostgres => killed(shop.postgres()?, time).await,
            ToOthers::KillMongo => killed(shop.mongo()?.member(0)?, time).await,
            ToOthers::HaltRabbit => halted(shop.rabbit()?, time).await,
            ToOthers::HaltPostgres => halted(shop.postgres()?, time).await,
            ToOthers::HaltMongo => halted(shop.mongo()?.member(0)?, time).await,
            ToOthers::MemoryAlarm => memory_alarm(shop.rabbit()?, time).await,
            ToOthers::EndSessions => end_sessions(shop).await,
            ToOthers::Cut => {
                shop.edge(edge).cut_off().await;
                lasting(time).await;
                shop.edge(edge).pass().await.map(|()| true)
            }
            ToOthers::Reset => {
                shop.edge(edge).reset();
                Ok(true)
            }
            ToOthers::Silence => {
                let ways = [Direction::ToClient, Direction::ToServer, Direction::Both];
                shop.edge(edge).black_hole(self.one_of(&ways)?);
                lasting(time).await;
                shop.edge(edge).pass().await.map(|()| true)
            }
            ToOthers::Delay => {
                shop.edge(edge).delay(Direction::Both, time / 20);
                lasting(time).await;
                shop.edge(edge).pass().await.map(|()| true)
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
                let lost = tokio::time::timeout(time, cut.done()).await;
                shop.edge(Edge::Store(service)).pass().await?;
                lost.map_or(Ok(false), |lost| lost.map(|()| true))
            }
        }
    }
}

async fn killed(server: &ServerProcess, time: Duration) -> Result<bool> {
    server.kill().await?;
    lasting(time).await;
    server.start().await.map(|()| true)
}

async fn halted(server: &ServerProcess, time: Duration) -> Result<bool> {
    server.pause().await?;
    lasting(time).await;
    server.resume().await.map(|()| true)
}

/// It takes nothing from anybody while it lacks memory.
async fn memory_alarm(rabbit: &Rabbit, time: Duration) -> Result<bool> {
    const WATERMARK: &str = "set_vm_memory_high_watermark";
    rabbit.control(&[WATERMARK, "absolute", "1MB"]).await?;
    alarm_is(rabbit, true).await?;
    lasting(time).await;
    rabbit.control(&[WATERMARK, "0.4"]).await?;
    alarm_is(rabbit, false).await?;
    Ok(true)
}

/// Waits until RabbitMQ says that there is an alarm, or that there is none.
async fn alarm_is(rabbit: &Rabbit, raised: bool) -> Result<()> {
    let check = format!("{}/api/health/checks/alarms", rabbit.api_url());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let what = if raised {
        "the alarm"
    } else {
        "the end of the alarm"
    };
    wait::until(what, || async {
        let reply = http.get(&check).send().await?;
        match reply.status() {
            StatusCode::OK => Ok((!raised).then_some(())),
            StatusCode::SERVICE_UNAVAILABLE => Ok(raised.then_some(())),
            status => bail!("{check} answered {status}"),
        }
    })
    .await
}

/// Of both databases: they are on one server.
async fn end_sessions(shop: &Platform) -> Result<bool> {
    let mut connection = PgConnection::connect(&shop.urls().order).await?;
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut connection)
    .await?;
    Ok(ended > 0)
}

async fn to_replica(replica: &Replica, kind: ToReplica, time: Duration) -> Result<bool> {
    runs(replica).await?;
    match kind {
        ToReplica::Kill => {
            replica.kill().await?;
            lasting(time).await;
            replica.launch_with(&[]).await?;
        }
        ToReplica::Terminate => {
            terminated(replica).await?;
            replica.launch_with(&[]).await?;
        }
        ToReplica::Halt => {
            replica.pause().await?;
            lasting(time).await;
            replica.resume().await?;
        }
        ToReplica::Crash(point) => {
            terminated(replica).await?;
            let armed = format!("{point}:{PASS}");
            replica.launch_with(&[("SHOP_CRASH_AT", &armed)]).await?;
            // It may not come to it while other things are broken.
            let crashed = replica.crashes_within(REACHED_WITHIN).await?;
            if crashed {
                lasting(time).await;
            } else {
                replica.kill().await?;
            }
            replica.launch_with(&[]).await?;
            return Ok(crashed);
        }
    }
    Ok(true)
}

/// Asks it to end. Whatever else is broken, one that was at work ends in order; one that has just begun may not yet know how.
async fn terminated(replica: &Replica) -> Result<()> {
    const BY_SIGTERM: i32 = 143;
    let at_work = replica.is_ready();
    let code = replica.stop().await?;
    let in_order = code == 0 || (code == BY_SIGTERM && !at_work);
    ensure!(in_order, "it ended with {code}:\n{}", replica.log());
    Ok(())
}

/// Whatever else is broken, none ends by itself.
async fn runs(replica: &Replica) -> Result<()> {
    let (runs, name) = (replica.is_running().await?, replica.name());
    ensure!(runs, "{name} had ended by itself:\n{}", replica.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_breaks_nothing_is_lost_or_doubled() {
    let mut random = seed::generator("nemesis");
    let builder = platform()
        .replicas(2)
        .replicas_of(Service::Gateway, 2)
        .own(Server::Rabbit)
        .own(Server::Postgres)
        .own(Server::Mongo)
        .chaos_everywhere()
        .mails_may_repeat()
        .patience(PATIENCE);
    let mut trial = Trial::start(builder, "nemesis customers").await.unwrap();
    let mut faults = Faults::default();
    trial
        .during(async |shop| {
            let replicas = Nemesis::new(shop, &mut random, duration()).on_replicas();
            let others = Nemesis::new(shop, &mut random, duration()).on_others();
            let (replicas, others) = tokio::try_join!(replicas, others)?;
            for Faults { struck, missed } in [replicas, others] {
                faults.struck.extend(struck);
                faults.missed.extend(missed);
            }
            shop.heal().await?;
            all_run(shop).await
        })
        .await
        .unwrap();
    let stores = trial.exact().await.unwrap();
    faults.report(&trial.load.outcomes(&stores));
}

/// Waits until all replicas are ready.
async fn all_run(shop: &Platform) -> Result<()> {
    for replica in shop.replicas() {
        runs(replica).await?;
        replica.until_ready().await?;
    }
    Ok(())
}
