//! Customers and visitors while something happens, and what they met.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::customers::{Load, Visitors, Visits};
use testkit::seed;
use tokio_util::sync::CancellationToken;

use crate::platform::Platform;

/// Enough, too little, and nothing.
const STOCK: [(&str, u32); 3] = [("PLENTY", 100_000), ("SCARCE", 60), ("NONE", 0)];
/// Each orders up to four times a second.
const CUSTOMERS: usize = 4;
/// Customers and visitors together, however busy the machine is.
const REQUESTS_A_SECOND: u32 = 50;
/// Of visitors alone: no load, also for programs that are not optimised.
const AT_LEISURE: u32 = 1;
/// Fewer, and what nobody noticed was no load.
const LEAST_A_SECOND: f64 = 45.0;
/// Nobody waits longer for an answer and says that nothing was to be noticed.
const SLOWEST: Duration = Duration::from_secs(5);
/// Enough for what customers leave of that, also if an answer takes four tenths of a second.
const VISITORS: usize = 16;

/// A spec for many people at one address, with what else is asked for: sections that are not `gateway.rateLimit` and
/// `services.user.env`.
pub fn busy(mut spec: Value) -> Value {
    let throttles = ["BY_ADDRESS", "BY_EMAIL_AND_ADDRESS", "BY_EMAIL"];
    let throttles = throttles.map(|throttle| {
        json!({"name": format!("SHOP__THROTTLE__{throttle}__BURST"), "value": "1000000"})
    });
    spec["gateway"]["rateLimit"] = json!({"requestsPerSecond": 1_000, "burst": 2_000});
    spec["services"]["user"]["env"] = json!(throttles);
    spec
}

/// Customers of a platform.
pub struct Traffic {
    load: Load,
}

/// What people met.
struct Met {
    /// What was not as it should be.
    failed: Vec<String>,
    /// Requests a second.
    rate: f64,
    /// The longest that a visitor waited.
    slowest: Duration,
}

impl Met {
    /// Tells it, too.
    fn new(
        name: &str,
        begun: Instant,
        tries: usize,
        troubles: Vec<String>,
        visits: Visits,
    ) -> Result<Self> {
        let requests = tries + visits.count() + visits.failed.len();
        let seconds = begun.elapsed().as_secs_f64();
        let rate = f64::from(u32::try_from(requests)?) / seconds;
        let failed = [troubles, visits.failed].concat();
        let slowest = visits.slowest;
        eprintln!(
            "{name}: {requests} requests in {seconds:.0} s ({rate:.0}/s), {} failed, the slowest took {slowest:.1?}",
            failed.len()
        );
        Ok(Self {
            failed,
            rate,
            slowest,
        })
    }

    /// An error if anybody could have noticed.
    fn nothing(&self, name: &str) -> Result<()> {
        let failed = &self.failed;
        ensure!(failed.is_empty(), "people noticed {name}: {failed:#?}");
        let slowest = self.slowest;
        ensure!(
            slowest <= SLOWEST,
            "somebody waited {slowest:.1?} for an answer during {name}"
        );
        Ok(())
    }
}

impl Traffic {
    pub async fn at(platform: &Platform, name: &str) -> Result<Self> {
        let mut random = seed::generator(name);
        let mut load = Load::new(platform.front(), &mut random, CUSTOMERS, &STOCK).await?;
        load.place(CUSTOMERS).await?;
        Ok(Self { load })
    }

    /// Lets people order and look around while something happens. They may meet errors.
    pub async fn during(
        &mut self,
        name: &str,
        happening: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        self.met(name, happening).await?;
        Ok(())
    }

    /// Lets people order and look around while something happens that none of them may notice.
    pub async fn unaware_of(
        &mut self,
        name: &str,
        happening: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let met = self.met(name, happening).await?;
        met.nothing(name)?;
        ensure!(
            met.rate >= LEAST_A_SECOND,
            "only {:.0} requests a second were made during {name}",
            met.rate
        );
        Ok(())
    }

    async fn met(
        &mut self,
        name: &str,
        happening: impl Future<Output = Result<()>>,
    ) -> Result<Met> {
        let visitors = Visitors::among(&self.load, VISITORS)
            .await?
            .in_all(REQUESTS_A_SECOND, &self.load);
        let (tries, troubles) = (self.load.tries(), self.load.troubles().len());
        let over = CancellationToken::new();
        let progress = self.load.progress();
        let happening = Box::pin(async {
            let happened = async {
                progress.further(10).await?;
                happening.await?;
                progress.further(10).await
            };
            let happened = happened.await;
            over.cancel();
            happened
        });
        let begun = Instant::now();
        let (ordered, visited, happened) = tokio::join!(
            Box::pin(self.load.until(over.clone())),
            Box::pin(visitors.until(over.clone())),
            happening
        );
        let (visits, ()) = (visited?, ordered.context("the customers could not go on")?);
        happened.with_context(|| format!("{name} did not happen"))?;
        let troubles = self.load.troubles().split_off(troubles);
        let troubles = troubles.iter().map(ToString::to_string).collect();
        Met::new(name, begun, self.load.tries() - tries, troubles, visits)
    }

    /// Lets visitors look around, one request a second, while something happens that none of them may notice.
    pub async fn at_leisure(
        &self,
        name: &str,
        happening: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let visitors = Visitors::among(&self.load, VISITORS)
            .await?
            .in_all(AT_LEISURE, &self.load);
        let over = CancellationToken::new();
        let begun = Instant::now();
        let happening = async {
            let happened = happening.await;
            over.cancel();
            happened
        };
        let (visits, happened) = tokio::join!(visitors.until(over.clone()), Box::pin(happening));
        happened.with_context(|| format!("{name} did not happen"))?;
        Met::new(name, begun, 0, Vec::new(), visits?)?.nothing(name)
    }

    /// The same people at a shop that has another address now.
    pub fn at_again(self, platform: &Platform) -> Self {
        Self {
            load: self.load.at(&platform.front().address),
        }
    }

    /// Waits for rest; then all invariants hold, and everything the customers were told is true.
    pub async fn exact(&self, platform: &Platform) -> Result<()> {
        let stores = platform.quiescent().await?;
        self.load.compare(&stores)?;
        self.load.repeat_all().await?;
        let parked = stores.parked();
        ensure!(parked.is_empty(), "parked: {parked:?}");
        Ok(())
    }
}
