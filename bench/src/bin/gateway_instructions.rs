//! The CI gate: instructions and allocations per request at the gateway, against the figures checked in. Run it by
//! `bench/gateway-instructions.sh`.
//!
//! The real binary runs under callgrind, once for a number of requests and once for twice as many, over one connection; the
//! difference is what the requests cost, without the start and the end of the process. No clock is involved, so it repeats
//! on any machine. The profiles stay in `bench/results/`, for `callgrind_annotate`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use bench::callgrind::{self, Profile};
use bench::figures::{Cost, Figures, SPREAD, TOLERANCE, deviation};
use bench::load::Load;
use bench::requests::{self, Make};
use bench::subjects::gateway::{Extras, Gateway};
use bench::upstream::Upstream;
use http::StatusCode;

/// A multiple of what the access log samples, so that every run logs its share.
const REQUESTS: u64 = 4_000;

/// Runs of a route at most.
const MOST_RUNS: usize = 4;

const ROUTES: [(&str, Make); 2] = [
    ("public", requests::list),
    ("signed_in", requests::own_orders),
];

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: gateway-instructions PATH-OF-GATEWAY PATH-OF-FIGURES [--update]";
    let gateway = arguments.next().context(usage)?;
    let path = arguments.next().context(usage)?;
    let update = match arguments.next().as_deref() {
        None => false,
        Some("--update") => true,
        Some(_) => bail!(usage),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&gateway, Path::new(&path), update))
}

async fn run(gateway: &str, path: &Path, update: bool) -> Result<ExitCode> {
    let mut verdicts = Verdicts::default();
    let mut measured = BTreeMap::new();
    for (route, make) in ROUTES {
        let (cost, spread) = agreed(gateway, route, make).await?;
        let text = format!("{route}: two runs are {:.2} % apart", spread * 100.0);
        verdicts.say(spread <= SPREAD, &text);
        measured.insert(route.to_owned(), cost);
    }
    let figures = Figures {
        compiler: compiler()?,
        routes: measured,
    };
    if update {
        figures.write(path)?;
    }
    compare(&figures, &Figures::read(path)?, &mut verdicts);
    verdicts.finish();
    Ok(ExitCode::from(u8::from(verdicts.failed > 0)))
}

fn compare(measured: &Figures, expected: &Figures, verdicts: &mut Verdicts) {
    for (route, cost) in &measured.routes {
        let Some(known) = expected.routes.get(route) else {
            verdicts.say(false, &format!("{route}: no figure is checked in"));
            continue;
        };
        for (what, now, then) in [
            ("instructions", cost.instructions, known.instructions),
            ("allocations", cost.allocations, known.allocations),
        ] {
            let by = deviation(now, then);
            let text = format!(
                "{route}: {now:.1} {what} per request, {:+.2} % of the {then:.1} checked in",
                by * 100.0
            );
            verdicts.say(by.abs() <= TOLERANCE, &text);
        }
    }
    if verdicts.failed > 0 && measured.compiler != expected.compiler {
        Verdicts::note(&format!(
            "the figures were made with {}, this is {}: if nothing else changed, run bench/gateway-instructions.sh --update",
            expected.compiler, measured.compiler
        ));
    }
}

/// Measures until two runs agree, and how far they are apart. On a busy machine replies arrive in more pieces now and then,
/// which costs a little more each time.
async fn agreed(gateway: &str, route: &str, make: Make) -> Result<(Cost, f64)> {
    let mut runs = vec![cost(gateway, route, make).await?];
    let mut best = (f64::INFINITY, Cost::default());
    while runs.len() < MOST_RUNS && best.0 > SPREAD {
        let latest = cost(gateway, route, make).await?;
        for earlier in &runs {
            let spread = deviation(latest.instructions, earlier.instructions).abs();
            if spread < best.0 {
                best = (spread, middle(*earlier, latest));
            }
        }
        runs.push(latest);
    }
    let (spread, cost) = best;
    Ok((cost, spread))
}

/// What one request costs.
async fn cost(gateway: &str, route: &str, make: Make) -> Result<Cost> {
    let once = profile(gateway, route, make, REQUESTS).await?;
    let twice = profile(gateway, route, make, 2 * REQUESTS).await?;
    Ok(Cost {
        instructions: each(once.instructions, twice.instructions),
        allocations: each(once.allocations, twice.allocations),
    })
}

/// A part of what the second half of the requests took, to one decimal.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52 instructions")]
fn each(once: u64, twice: u64) -> f64 {
    let tenths = twice.saturating_sub(once) as f64 * 10.0 / REQUESTS as f64;
    tenths.round() / 10.0
}

fn middle(one: Cost, two: Cost) -> Cost {
    Cost {
        instructions: f64::midpoint(one.instructions, two.instructions).round(),
        allocations: (f64::midpoint(one.allocations, two.allocations) * 10.0).round() / 10.0,
    }
}

async fn profile(gateway: &str, route: &str, make: Make, requests: u64) -> Result<Profile> {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results");
    let file = results.join(format!("callgrind.{route}.{requests}.out"));
    let out = format!("--callgrind-out-file={}", file.display());
    let starter = [
        "valgrind",
        "--tool=callgrind",
        "--quiet",
        "--fair-sched=yes",
        &out,
    ];
    let upstream = Upstream::start().await?;
    let gateway = Gateway::start(&starter, gateway, upstream.address, Extras::On).await?;
    let load = Load {
        address: gateway.address.to_string(),
        tokens: [gateway.token.clone()].into(),
        expected: StatusCode::OK,
        make,
    };
    load.run(1, 0..requests).await?;
    gateway.stop().await?;
    callgrind::parse(&std::fs::read_to_string(file)?)
}

fn compiler() -> Result<String> {
    let version = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(version.stdout)?.trim().to_owned())
}

/// What held and what did not.
#[derive(Default)]
struct Verdicts {
    passed: u32,
    failed: u32,
}

#[expect(clippy::print_stdout, reason = "the verdicts are the program's output")]
impl Verdicts {
    fn say(&mut self, holds: bool, what: &str) {
        let count = if holds {
            &mut self.passed
        } else {
            &mut self.failed
        };
        *count += 1;
        println!("{} {what}", if holds { "ok    " } else { "FAILED" });
    }

    fn note(text: &str) {
        println!("note   {text}");
    }

    fn finish(&self) {
        println!("{} passed, {} failed", self.passed, self.failed);
    }
}
