//! Measures the one binary and the gateway against the budgets of `docs/performance.md`: `make bench`.
//!
//! Prints one table and keeps the rows under `bench/results/`. Wall-clock figures are for reading, not for gating: the
//! gate is `bench/gateway-instructions.sh`.

use anyhow::{Context, Result, bail};
use bench::measure;
use bench::report::Report;

/// What can be measured alone.
const PARTS: [&str; 4] = ["ready", "list", "orders", "gateway"];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: bench PATH-OF-SHOP PATH-OF-GATEWAY [ready|list|orders|gateway]…";
    let shop = arguments.next().context(usage)?;
    let gateway = arguments.next().context(usage)?;
    let mut parts: Vec<String> = arguments.collect();
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        bail!("nothing is called {unknown}; {usage}");
    }
    if parts.is_empty() {
        parts = PARTS.map(ToOwned::to_owned).to_vec();
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&shop, &gateway, &parts))
}

async fn run(shop: &str, gateway: &str, parts: &[String]) -> Result<()> {
    let mut report = Report::default();
    for part in parts {
        match part.as_str() {
            "ready" => measure::ready::measure(shop, &mut report).await?,
            "list" => measure::list::measure(shop, &mut report).await?,
            "orders" => measure::orders::measure(shop, &mut report).await?,
            _ => measure::gateway::measure(gateway, &mut report).await?,
        }
    }
    report.finish()
}
