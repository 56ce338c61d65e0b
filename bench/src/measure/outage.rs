//! RabbitMQ away for minutes while customers order: what is accepted, what waits, what memory that takes, and how long it takes to
//! catch up; then the same with a small cap, past which orders are refused.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use http::StatusCode;
use http::header::RETRY_AFTER;
use testkit::platform::Service;
use testkit::wait;

use crate::load::Load;
use crate::open_load::{self, Idle};
use crate::process;
use crate::real_shop::RealShop;
use crate::report::{Budget, Report, percentile};
use crate::requests;

/// Orders before the broker goes: connections and caches are there.
const BEFORE: u64 = 1_000;
const CONNECTIONS: usize = 16;
/// The services that tell or hear events.
const WATCHED: [Service; 4] = Service::BEHIND;
/// Between two looks, at most.
const LOOK: Duration = Duration::from_mins(1);
/// Looks at least.
const LOOKS: u32 = 4;
/// How much the memory of a process may grow from the look in the middle to the last to be called flat: by then caches and
/// connection pools are full, and what still grows would grow with what waits.
const FLAT: f64 = 1.1;
/// The cap of the second part, and how many orders are tried.
const CAP: u64 = 200;
const TRIED: u64 = 1_000;

/// One order that was tried.
struct Tried {
    took_ms: f64,
    /// Why, if there was no answer.
    status: Result<StatusCode, String>,
    retry_after: bool,
}

/// What was seen while the broker was away.
#[derive(Default)]
struct Looks {
    memory: [Vec<f64>; 4],
    outbox: Vec<f64>,
}

/// The whole part; `program` is beside the programs of the services. `MINUTES` is how long the broker is away, `RATE` how many
/// orders a second there are.
pub async fn measure(program: &str, report: &mut Report) -> Result<()> {
    let minutes: f64 = super::number("MINUTES", "10")?;
    let rate: u32 = super::number("RATE", "50")?;
    let mut subject = RealShop::start(program).await?;
    let load = subject.load(requests::order_of_many, StatusCode::CREATED)?;
    load.run(CONNECTIONS, subject.next(BEFORE)).await?;
    subject.drained().await?;
    away(
        &mut subject,
        &load,
        Duration::from_secs_f64(minutes * 60.0),
        rate,
        report,
    )
    .await?;
    capped(&mut subject, &load, rate, report).await
}

async fn away(
    subject: &mut RealShop,
    load: &Load,
    time: Duration,
    rate: u32,
    report: &mut Report,
) -> Result<()> {
    subject.shop.rabbit()?.stop().await?;
    let numbers = subject.some(time.as_secs() * u64::from(rate));
    let idle = Idle::default();
    let tried = open_load::paced(rate, numbers, |n| attempt(load.clone(), idle.clone(), n));
    let (tried, looks) = tokio::try_join!(tried, look(subject, time))?;
    let accepted = tried.iter().filter(|order| order.is_accepted());
    let times: Vec<f64> = accepted.map(|order| order.took_ms).collect();
    subject.accept(u64::try_from(times.len())?);
    tell_failures(&tried);

    subject.shop.rabbit()?.start().await?;
    let started = Instant::now();
    wait::until_within(time.max(LOOK) * 2, "all events to be told", || async {
        Ok((subject.outbox().await? == 0).then_some(()))
    })
    .await?;
    subject.drained().await?;
    let caught_up = started.elapsed().as_secs_f64();

    let what = format!("no broker for {} s at {rate} orders/s", time.as_secs());
    let mut row = |row: &str, unit: &str, samples: &[f64], budget| {
        report.add(&format!("{what}, {row}"), unit, samples, budget);
    };
    let failed = tried.len() - times.len();
    tell_orders(&times, failed, &mut row);
    looks.tell(&mut row);
    let back = "caught up after the broker is back";
    row(back, "s", &[caught_up], Budget::None);
    let began = Instant::now();
    subject.exact().await?;
    let exact = began.elapsed().as_secs_f64();
    row(
        "then until all is at rest and exact",
        "s",
        &[exact],
        Budget::None,
    );
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "says why there is a figure that should be none"
)]
fn tell_failures(tried: &[Tried]) {
    for order in tried.iter().filter(|order| !order.is_accepted()) {
        let (status, took) = (&order.status, order.took_ms);
        eprintln!("not accepted: {status:?} after {took:.0} ms");
    }
}

/// Adds a row: what, unit, samples, budget.
type Row<'r> = &'r mut dyn FnMut(&str, &str, &[f64], Budget);

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 orders")]
fn tell_orders(times: &[f64], failed: usize, row: Row<'_>) {
    let (accepted, failed) = ([times.len() as f64], [failed as f64]);
    row("orders accepted", "orders", &accepted, Budget::None);
    row(
        "orders not accepted",
        "orders",
        &failed,
        Budget::AtMost(0.0),
    );
    for (what, share) in [("order accepted, p50", 0.5), ("order accepted, p99", 0.99)] {
        row(what, "ms", &[percentile(times, share)], Budget::None);
    }
}

impl Looks {
    fn tell(&self, row: Row<'_>) {
        for (service, memory) in WATCHED.iter().zip(&self.memory) {
            let what = format!("memory of {service}");
            row(&what, "MB", memory, Budget::None);
            if let (Some(middle), Some(last)) = (memory.get(memory.len() / 2), memory.last()) {
                let what = format!("{what}, last look ÷ middle");
                row(&what, "×", &[last / middle], Budget::AtMost(FLAT));
            }
        }
        let what = "events that wait in the order service";
        row(what, "events", &self.outbox, Budget::None);
    }
}

/// Until the time is over: once a minute, or more often if it is short.
async fn look(subject: &RealShop, time: Duration) -> Result<Looks> {
    let mut looks = Looks::default();
    let period = LOOK.min(time / LOOKS);
    let mut left = time;
    while left >= period {
        tokio::time::sleep(period).await;
        left -= period;
        for (service, memory) in WATCHED.iter().zip(&mut looks.memory) {
            memory.push(process::resident(subject.pid(*service)?)?);
        }
        let waiting = u32::try_from(subject.outbox().await?)?;
        looks.outbox.push(f64::from(waiting));
    }
    Ok(looks)
}

/// The order service with a small cap: full, it says when to come again; emptied, it takes orders again.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52 orders")]
async fn capped(subject: &mut RealShop, load: &Load, rate: u32, report: &mut Report) -> Result<()> {
    let order = subject.shop.replica(Service::Order, 0)?;
    order.stop().await?;
    let cap = CAP.to_string();
    order.start_with(&[("SHOP__OUTBOX__CAP", &cap)]).await?;
    subject.shop.rabbit()?.stop().await?;
    let idle = Idle::default();
    let numbers = subject.some(TRIED);
    let tried = open_load::paced(rate, numbers, |n| attempt(load.clone(), idle.clone(), n)).await?;
    let accepted = tried.iter().filter(|order| order.is_accepted()).count();
    let refused = tried.iter().filter(|order| order.is_refused()).count();
    if accepted + refused != tried.len() {
        let other = tried
            .iter()
            .filter(|order| !order.is_accepted() && !order.is_refused());
        let statuses: Vec<_> = other.map(|order| &order.status).collect();
        bail!("neither accepted nor refused with 503 and Retry-After: {statuses:?}");
    }
    ensure!(
        refused > 0,
        "{accepted} orders were accepted past a cap of {CAP}"
    );
    subject.accept(u64::try_from(accepted)?);

    subject.shop.rabbit()?.start().await?;
    let another = subject.some(TRIED).start;
    let again = || attempt(load.clone(), idle.clone(), another);
    wait::until("orders to be accepted again", || async {
        Ok(again().await?.is_accepted().then_some(()))
    })
    .await?;
    subject.accept(1);
    subject.drained().await?;
    subject.exact().await?;
    let what = format!("no broker, a cap of {CAP} events");
    let accepted = [accepted as f64];
    report.add(
        &format!("{what}, orders accepted"),
        "orders",
        &accepted,
        Budget::AtMost(CAP as f64),
    );
    let refused = [refused as f64];
    let row = format!("{what}, orders refused with 503 and Retry-After");
    report.add(&row, "orders", &refused, Budget::None);
    Ok(())
}

/// Tries an order, whatever comes of it.
async fn attempt(load: Load, idle: Idle, n: u64) -> Result<Tried> {
    let started = Instant::now();
    let mut connection = idle.take(&load.address).await?;
    let answer = connection.ask(load.request(n)).await;
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let retry_after = answer
        .as_ref()
        .is_ok_and(|answer| answer.headers().contains_key(RETRY_AFTER));
    let status = answer
        .map(|answer| answer.status())
        .map_err(|error| format!("{error:#}"));
    if status.is_ok() {
        idle.give_back(connection);
    }
    Ok(Tried {
        took_ms,
        status,
        retry_after,
    })
}

impl Tried {
    fn is_accepted(&self) -> bool {
        self.status == Ok(StatusCode::CREATED)
    }

    fn is_refused(&self) -> bool {
        self.status == Ok(StatusCode::SERVICE_UNAVAILABLE) && self.retry_after
    }
}
