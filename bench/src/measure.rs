//! What is measured, and how.

pub mod gateway;
pub mod list;
pub mod orders;
pub mod ready;

use anyhow::Result;
use testkit::process::ShopHarness;

/// Where the subject runs: the first core, if nothing else is said. The load runs on the other (`bench/run.sh`).
fn subject_cores() -> String {
    std::env::var("SHOP_CORES").unwrap_or_else(|_| "0".to_owned())
}

/// A shop on an empty folder, pinned to its core, with the throttles of a test.
fn shop(binary: &str) -> Result<ShopHarness> {
    Ok(ShopHarness::new(binary)?.started_by("taskset", &["-c", &subject_cores()]))
}
