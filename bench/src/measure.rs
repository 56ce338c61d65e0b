//! What is measured, and how.

pub mod backends;
mod confirmed;
pub mod gateway;
pub mod growth;
pub mod list;
pub mod orders;
pub mod outage;
pub mod ready;

use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use testkit::process::ShopHarness;

/// Where the subject runs: the first core, if nothing else is said.
fn subject_cores() -> String {
    std::env::var("SHOP_CORES").unwrap_or_else(|_| "0".to_owned())
}

/// Has this process, the load, run beside a subject that has a core to itself: on the second core, if nothing else is said.
pub fn beside_the_subject() -> Result<()> {
    run_on(&std::env::var("LOAD_CORES").unwrap_or_else(|_| "1".to_owned()))
}

/// The cores that this process was given, as `taskset` takes them.
pub fn given_cores() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let cores = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(cores.unwrap_or_default().trim().to_owned())
}

/// Has this process, and what it starts from now on, run on these cores.
pub fn run_on(cores: &str) -> Result<()> {
    let own = std::process::id().to_string();
    let pinned = std::process::Command::new("taskset")
        .args(["-a", "-c", "-p", cores, &own])
        .output()?;
    let said = String::from_utf8_lossy(&pinned.stderr);
    ensure!(
        pinned.status.success(),
        "cannot run on the cores {cores}: {said}"
    );
    Ok(())
}

/// A shop on an empty folder, pinned to its core, with the throttles of a test.
fn shop(binary: &str) -> Result<ShopHarness> {
    Ok(ShopHarness::new(binary)?.started_by("taskset", &["-c", &subject_cores()]))
}

/// The number in an environment variable.
fn number<T: FromStr>(variable: &str, otherwise: &str) -> Result<T> {
    let text = std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned());
    let number = text.parse().ok();
    number.with_context(|| format!("{variable} is a number, and not {text}"))
}
