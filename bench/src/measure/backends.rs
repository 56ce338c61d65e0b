//! Orders through the five services on real servers, with all guarantees on: how many are accepted and confirmed, how long one
//! takes, what they cost in processor and memory. Services, servers and load share all processors of the machine.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use http::StatusCode;

use super::confirmed::{self, Confirmed};
use crate::load::Load;
use crate::process;
use crate::real_shop::{RealShop, SERVICES};
use crate::report::{Budget, Report};
use crate::requests::{self, Make};

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 64;
/// How long orders are accepted in a round.
const ACCEPTING: Duration = Duration::from_secs(10);
/// More orders than a round can make: their numbers are taken, used or not.
const NUMBERS: u64 = 1_000_000;
/// So many orders before the memory is looked at.
const ORDERS: u64 = 10_000;

/// How many orders a second are accepted and confirmed, a round each.
#[derive(Default)]
struct Rates {
    accepted: Vec<f64>,
    /// Seconds from the last accepted order until all are confirmed.
    drained: Vec<f64>,
    confirmed: Vec<f64>,
    /// Milliseconds of processor per order.
    services: Vec<f64>,
    servers: Vec<f64>,
    load: Vec<f64>,
}

/// The whole part; `program` is beside the programs of the services.
pub async fn measure(program: &str, report: &mut Report) -> Result<()> {
    let mut subject = RealShop::start(program).await?;
    // Connections, prepared statements and caches are there in production, too. What comes first does not count.
    Rates::default()
        .round(&mut subject, requests::order_of_many, ACCEPTING / 5)
        .await?;
    // Mails of what was ordered go on being written for a while.
    subject.exact().await?;
    for (rate, half, most) in confirmed::RATES {
        latency(&mut subject, rate, half, most, report).await?;
    }
    let mut many = Rates::default();
    for _ in 0..ROUNDS {
        many.round(&mut subject, requests::order_of_many, ACCEPTING)
            .await?;
    }
    many.report("real servers", [1_000.0, 60.0, 400.0], report);
    memory(&mut subject, report).await?;

    let mut one = Rates::default();
    for _ in 0..ROUNDS {
        one.round(&mut subject, requests::order, ACCEPTING).await?;
    }
    one.report_contended(report);
    // Stock is exact, nothing was lost or doubled.
    subject.exact().await
}

impl Rates {
    async fn round(&mut self, subject: &mut RealShop, make: Make, time: Duration) -> Result<()> {
        let load = subject.load(make, StatusCode::CREATED)?;
        let first = subject.some(NUMBERS).start;
        let (started, before) = (Instant::now(), subject.used()?);
        let outcome = load.run_for(CONNECTIONS, first, time).await?;
        subject.accept(outcome.answered);
        ensure!(outcome.answered < NUMBERS, "the numbers overlap");
        let accepted = Instant::now();
        subject.drained().await?;
        let used = subject.used()?.since(before);
        self.accepted.push(outcome.rate());
        self.drained.push(accepted.elapsed().as_secs_f64());
        let orders = f64::from(u32::try_from(outcome.answered)?);
        self.confirmed
            .push(orders / started.elapsed().as_secs_f64());
        let each = |used: Duration| used.as_secs_f64() * 1_000.0 / orders;
        self.services.push(each(used.services));
        self.servers.push(each(used.servers));
        self.load.push(each(used.load));
        Ok(())
    }

    fn report(&self, what: &str, [accepted, drained, confirmed]: [f64; 3], report: &mut Report) {
        let mut add = |row: &str, unit: &str, samples: &[f64], budget| {
            report.add(&format!("{what}, {row}"), unit, samples, budget);
        };
        let (at_least, at_most) = (Budget::AtLeast, Budget::AtMost);
        let rate = "orders/s";
        add(
            "orders accepted for 10 s",
            rate,
            &self.accepted,
            at_least(accepted),
        );
        add(
            "then until all are confirmed",
            "s",
            &self.drained,
            at_most(drained),
        );
        add(
            "orders accepted and confirmed",
            rate,
            &self.confirmed,
            at_least(confirmed),
        );
        add(
            "processor per order, five services",
            "ms",
            &self.services,
            at_most(1.0),
        );
        add(
            "processor per order, three servers",
            "ms",
            &self.servers,
            Budget::None,
        );
        let load = "processor per order, load and load balancers";
        add(load, "ms", &self.load, Budget::None);
    }

    fn report_contended(&self, report: &mut Report) {
        let what = "real servers, all want one sku: orders accepted and confirmed";
        report.add(what, "orders/s", &self.confirmed, Budget::AtLeast(100.0));
    }
}

async fn latency(
    subject: &mut RealShop,
    rate: u32,
    half: Option<f64>,
    most: f64,
    report: &mut Report,
) -> Result<()> {
    let load = subject.load(requests::awaited_order_of_many, StatusCode::CREATED)?;
    let mut confirmed = Confirmed::default();
    for _ in 0..confirmed::ROUNDS {
        let numbers = subject.next(u64::from(rate * confirmed::SECONDS));
        confirmed.round(&load, rate, numbers).await?;
        subject.drained().await?;
    }
    let what = format!("real servers, placed → confirmed at {rate}/s, open loop");
    confirmed.report(&what, half, most, report);
    Ok(())
}

async fn memory(subject: &mut RealShop, report: &mut Report) -> Result<()> {
    let missing = ORDERS.saturating_sub(subject.accepted());
    let load: Load = subject.load(requests::order_of_many, StatusCode::CREATED)?;
    load.run(CONNECTIONS, subject.next(missing)).await?;
    subject.drained().await?;
    for service in SERVICES {
        let settled = process::settled_memory(subject.pid(service)?).await?;
        let what = format!("real servers, memory of {service} after at least 10 000 orders");
        report.add(&what, "MB", &[settled], Budget::None);
    }
    Ok(())
}
