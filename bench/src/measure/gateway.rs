//! What forwarding costs: the gateway's own process against nginx, both on one core, in front of the same upstream.

use anyhow::Result;
use http::StatusCode;

use super::subject_cores;
use crate::load::{Connection, Load};
use crate::open_load;
use crate::process;
use crate::report::{Budget, Report, percentile};
use crate::requests::{self, Make};
use crate::subjects::gateway::{Extras, Gateway};
use crate::subjects::nginx::Nginx;
use crate::upstream::Upstream;

const ROUNDS: usize = 7;
const REQUESTS: u64 = 20_000;
const CONNECTIONS: usize = 32;
const OPEN_CONNECTIONS: u64 = 1_000;
/// Seconds of a round of the open loop.
const SECONDS: u32 = 3;
/// The most the open loop asks for: the load, the upstream and their clock share one core.
const HIGHEST_RATE: u32 = 4_000;

/// One that forwards, and what was measured of it.
struct Subject {
    what: &'static str,
    pid: u32,
    load: Load,
    /// Microseconds of processor per request, a round each.
    cost: Vec<f64>,
    /// Requests a second, a round each.
    rates: Vec<f64>,
}

impl Subject {
    fn new(what: &'static str, pid: u32, address: String, tokens: Vec<String>, make: Make) -> Self {
        let load = Load {
            address,
            tokens: tokens.into(),
            expected: StatusCode::OK,
            make,
        };
        Self {
            what,
            pid,
            load,
            cost: Vec::new(),
            rates: Vec::new(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 requests")]
    async fn round(&mut self) -> Result<()> {
        let before = process::cpu_time(self.pid)?;
        let outcome = self.load.run(CONNECTIONS, 0..REQUESTS).await?;
        let used = process::cpu_time(self.pid)?.saturating_sub(before);
        self.cost
            .push(used.as_secs_f64() * 1_000_000.0 / REQUESTS as f64);
        self.rates.push(outcome.rate());
        Ok(())
    }
}

/// Processor per request and ratio to nginx, added latency at half load, memory with many connections.
pub async fn measure(binary: &str, report: &mut Report) -> Result<()> {
    let cores = subject_cores();
    let starter = ["taskset", "-c", cores.as_str()];
    let upstream = Upstream::start().await?;
    let plain = Gateway::start(&starter, binary, upstream.address, Extras::Off).await?;
    let full = Gateway::start(&starter, binary, upstream.address, Extras::On).await?;
    let nginx = Nginx::start(&starter, upstream.address).await?;

    let of = |gateway: &Gateway, what, make| {
        let (address, tokens) = (gateway.address.to_string(), vec![gateway.token.clone()]);
        anyhow::Ok(Subject::new(what, gateway.pid()?, address, tokens, make))
    };
    let mut subjects = vec![
        of(&plain, "gateway, plain pass-through", requests::list)?,
        of(&full, "gateway, everything on", requests::own_orders)?,
    ];
    if let Some(nginx) = &nginx {
        let address = nginx.address.to_string();
        let subject = Subject::new("nginx", nginx.pid()?, address, Vec::new(), requests::list);
        subjects.push(subject);
    }
    // The first round warms up and does not count.
    for round in 0..=ROUNDS {
        for subject in &mut subjects {
            subject.round().await?;
            if round == 0 {
                subject.cost.clear();
                subject.rates.clear();
            }
        }
    }
    costs(&subjects, report);
    added_latency(&subjects, &upstream, report).await?;
    memory(&full, report).await?;

    if let Some(nginx) = nginx {
        nginx.stop().await?;
    }
    full.stop().await?;
    plain.stop().await
}

fn costs(subjects: &[Subject], report: &mut Report) {
    for subject in subjects {
        let what = format!("{}, processor per request", subject.what);
        report.add(&what, "µs", &subject.cost, Budget::None);
        let what = format!("{}, requests on one core", subject.what);
        report.add(&what, "req/s", &subject.rates, Budget::None);
    }
    let [plain, full, rest @ ..] = subjects else {
        return;
    };
    for (subject, budget) in [(plain, 1.10), (full, 1.5)] {
        let what = format!("{}, processor ÷ nginx", subject.what);
        let Some(nginx) = rest.first() else {
            report.skip(&what, "nginx is not installed");
            continue;
        };
        let rounds = subject.cost.iter().zip(&nginx.cost);
        let ratios: Vec<f64> = rounds.map(|(ours, theirs)| ours / theirs).collect();
        report.add(&what, "×", &ratios, Budget::AtMost(budget));
    }
}

/// At half of what the gateway does at most, with everything on: what it adds to the upstream's own time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is a small positive number"
)]
async fn added_latency(
    subjects: &[Subject],
    upstream: &Upstream,
    report: &mut Report,
) -> Result<()> {
    let Some(full) = subjects.get(1) else {
        return Ok(());
    };
    let direct = Load {
        address: upstream.address.to_string(),
        ..full.load.clone()
    };
    let rate = ((percentile(&full.rates, 0.5) / 2.0) as u32).min(HIGHEST_RATE);
    let requests = u64::from(rate * SECONDS);
    let (mut halves, mut mosts) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut through = Vec::new();
        for load in [&full.load, &direct] {
            let answers = open_load::run(load, rate, 0..requests).await?;
            let times: Vec<f64> = answers.iter().map(|answer| answer.took_ms).collect();
            through.push([percentile(&times, 0.5), percentile(&times, 0.99)]);
        }
        if let [[half, most], [direct_half, direct_most]] = through.as_slice() {
            halves.push(half - direct_half);
            mosts.push(most - direct_most);
        }
    }
    let what = format!("gateway, everything on, added at {rate}/s open loop");
    report.add(&format!("{what}, p50"), "ms", &halves, Budget::None);
    report.add(&format!("{what}, p99"), "ms", &mosts, Budget::AtMost(1.0));
    Ok(())
}

/// Memory while many connections are open, each of which sent a request.
async fn memory(gateway: &Gateway, report: &mut Report) -> Result<()> {
    let address = gateway.address.to_string();
    let mut open = Vec::new();
    for n in 0..OPEN_CONNECTIONS {
        let mut connection = Connection::open(&address).await?;
        let request = requests::own_orders(&address, &gateway.token, n);
        connection.send(request, StatusCode::OK).await?;
        open.push(connection);
    }
    let memory = process::resident(gateway.pid()?)?;
    report.add(
        "gateway, memory with 1 000 open connections",
        "MB",
        &[memory],
        Budget::AtMost(12.0),
    );
    Ok(())
}
