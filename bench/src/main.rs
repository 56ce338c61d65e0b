//! Measures the one binary against the budgets of `docs/performance.md`: `make bench`.
//!
//! Prints one table and keeps the rows under `bench/results/`. Wall-clock figures are for reading, not for gating: the
//! gate is `bench/gateway-instructions.sh`.

mod load;
mod measure;
mod report;

use anyhow::{Context, Result};

use crate::report::Report;

fn main() -> Result<()> {
    let binary = std::env::args()
        .nth(1)
        .context("usage: bench PATH-OF-SHOP")?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(&binary))
}

async fn run(binary: &str) -> Result<()> {
    let mut report = Report::default();
    measure::ready(binary, &mut report).await?;
    measure::list(binary, &mut report).await?;
    measure::orders(binary, &mut report).await?;
    report.finish()
}
