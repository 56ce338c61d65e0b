//! Orders through the gateway: how many are accepted and confirmed, how long one takes, what they cost in processor and memory.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use http::StatusCode;
use testkit::client::Client;
use testkit::process::{RunFile, ShopHarness};
use testkit::wait;

use super::confirmed::{self, Confirmed};
use crate::load::Load;
use crate::process;
use crate::real_shop::token;
use crate::report::{Budget, Report};
use crate::requests;

const ROUNDS: u64 = 5;
const ORDERS_PER_ROUND: u64 = 2_000;
const CONNECTIONS: usize = 64;
/// How long all orders of a round may take to be confirmed.
const DRAIN: Duration = Duration::from_mins(5);

/// A shop with one product that all orders want.
struct Subject {
    admin: Client,
    load: Load,
    pid: u32,
    /// Pieces that were ordered so far.
    ordered: u64,
}

/// Ten thousand orders in rounds, each drained to `confirmed`; then the memory, then the time one order takes.
pub async fn measure(binary: &str, report: &mut Report) -> Result<()> {
    let harness = super::shop(binary)?;
    let (process, run) = harness.start().await?;
    let mut subject = Subject::prepare(&harness, &run, process.pid()).await?;
    throughput(&mut subject, report).await?;
    let settled = process::settled_memory(process.pid()).await?;
    report.add(
        "memory settled after 10 000 orders",
        "MB",
        &[settled],
        Budget::AtMost(60.0),
    );
    for (rate, half, most) in confirmed::RATES {
        latency(&mut subject, rate, half, most, report).await?;
    }
    process.stop(wait::PATIENCE).await?;
    Ok(())
}

impl Subject {
    async fn prepare(harness: &ShopHarness, run: &RunFile, pid: u32) -> Result<Self> {
        let address = run.address("gateway")?;
        let password = std::fs::read_to_string(harness.data().join("admin-password"))?;
        let admin = Client::new(address)?
            .log_in("admin@shop.example", password.trim())
            .await?;
        admin.create_product("BENCH", 1_299, 1_000_000).await?;
        let customer = Client::new(address)?.register("bench@example.com").await?;
        wait::until("the catalog to reach the order service", || async {
            let reply = customer.place_order("probe", "BENCH", 1).await?;
            Ok((reply.status == StatusCode::CREATED).then_some(()))
        })
        .await?;
        let load = Load {
            address: address.to_owned(),
            tokens: [token(&customer)?].into(),
            expected: StatusCode::CREATED,
            make: requests::order,
        };
        let mut subject = Self {
            admin,
            load,
            pid,
            ordered: 1,
        };
        subject.drained().await?;
        Ok(subject)
    }

    /// The numbers of the next orders.
    fn next(&mut self, orders: u64) -> Range<u64> {
        let first = self.ordered;
        self.ordered += orders;
        first..self.ordered
    }

    /// Waits until all that was ordered is sold.
    async fn drained(&mut self) -> Result<()> {
        let ordered = i64::try_from(self.ordered)?;
        wait::until_within(DRAIN, "all orders to be confirmed", || async {
            let stock = self.admin.get("/api/v1/admin/inventory/BENCH").await?;
            let sold = stock.expect(200)?.number("/sold")?;
            if sold > ordered {
                bail!("{sold} pieces were sold of {ordered} that were ordered");
            }
            Ok((sold == ordered).then_some(()))
        })
        .await
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 orders")]
async fn throughput(subject: &mut Subject, report: &mut Report) -> Result<()> {
    let (mut accepted, mut confirmed, mut cost) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let numbers = subject.next(ORDERS_PER_ROUND);
        let (started, before) = (Instant::now(), process::cpu_time(subject.pid)?);
        accepted.push(subject.load.run(CONNECTIONS, numbers).await?.rate());
        subject.drained().await?;
        confirmed.push(ORDERS_PER_ROUND as f64 / started.elapsed().as_secs_f64());
        let used = process::cpu_time(subject.pid)?.saturating_sub(before);
        cost.push(used.as_secs_f64() * 1_000.0 / ORDERS_PER_ROUND as f64);
    }
    report.add(
        "orders accepted durably",
        "orders/s",
        &accepted,
        Budget::AtLeast(500.0),
    );
    let what = "orders accepted and confirmed";
    report.add(what, "orders/s", &confirmed, Budget::None);
    report.add(
        "processor per order, all services",
        "ms",
        &cost,
        Budget::None,
    );
    Ok(())
}

async fn latency(
    subject: &mut Subject,
    rate: u32,
    half: Option<f64>,
    most: f64,
    report: &mut Report,
) -> Result<()> {
    let load = Load {
        make: requests::awaited_order,
        ..subject.load.clone()
    };
    let mut confirmed = Confirmed::default();
    for _ in 0..confirmed::ROUNDS {
        let numbers = subject.next(u64::from(rate * confirmed::SECONDS));
        confirmed.round(&load, rate, numbers).await?;
        subject.drained().await?;
    }
    let what = format!("placed → confirmed at {rate}/s, open loop");
    confirmed.report(&what, half, most, report);
    Ok(())
}
