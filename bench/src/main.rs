//! Measures the platform against the budgets of `docs/performance.md`: `make bench`, `make bench-outage`.
//!
//! Prints one table and keeps the rows under `bench/results/`. Wall-clock figures are for reading, not for gating: the
//! gate is `bench/gateway-instructions.sh`.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bench::measure;
use bench::report::Report;

/// What is measured if nothing is chosen.
const PARTS: [&str; 6] = ["ready", "list", "orders", "gateway", "backends", "growth"];
/// What takes too long for that.
const LONG: &str = "outage";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage =
        "usage: bench FOLDER-OF-PROGRAMS [ready|list|orders|gateway|backends|growth|outage]…";
    let programs = arguments.next().context(usage)?;
    let mut parts: Vec<String> = arguments.collect();
    let known = |part: &str| part == LONG || PARTS.contains(&part);
    if let Some(unknown) = parts.iter().find(|part| !known(part)) {
        bail!("nothing is called {unknown}; {usage}");
    }
    if parts.is_empty() {
        parts = PARTS.map(ToOwned::to_owned).to_vec();
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(Path::new(&programs), &parts))
}

async fn run(programs: &Path, parts: &[String]) -> Result<()> {
    let mut report = Report::default();
    let measured = measure_all(programs, parts, &mut report).await;
    // What was measured before something failed is worth minutes.
    report.finish()?;
    measured
}

async fn measure_all(programs: &Path, parts: &[String], report: &mut Report) -> Result<()> {
    let [shop, gateway] = ["shop", "gateway"].map(|name| programs.join(name).display().to_string());
    let cores = measure::given_cores()?;
    for part in parts {
        match part.as_str() {
            "backends" | "growth" | "outage" => measure::run_on(&cores)?,
            _ => measure::beside_the_subject()?,
        }
        match part.as_str() {
            "ready" => measure::ready::measure(&shop, report).await?,
            "list" => measure::list::measure(&shop, report).await?,
            "orders" => measure::orders::measure(&shop, report).await?,
            "gateway" => measure::gateway::measure(&gateway, report).await?,
            "backends" => measure::backends::measure(&shop, report).await?,
            "growth" => measure::growth::measure(&shop, report).await?,
            _ => measure::outage::measure(&shop, report).await?,
        }
    }
    Ok(())
}
