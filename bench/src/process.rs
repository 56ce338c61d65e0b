//! What the system knows of a process.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::wait;
use tokio::process::Child;

/// Processor time of all threads that live, to the nanosecond.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that ends meanwhile is not there any more.
        if let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) {
            nanoseconds += on_cpu(&text).with_context(|| format!("odd schedstat: {text}"))?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// Resident memory in MB.
pub fn resident(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .context("no VmRSS")?
        .trim()
        .parse()?;
    Ok(kilobytes / 1_000.0)
}

/// Resident memory once it has stopped changing, in MB.
pub async fn settled_memory(pid: u32) -> Result<f64> {
    let mut last = 0.0;
    wait::until("the memory to settle", || {
        let now = resident(pid);
        let settled = now.as_ref().is_ok_and(|now| (now - last).abs() < 0.05);
        last = *now.as_ref().unwrap_or(&0.0);
        async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(settled.then_some(now?))
        }
    })
    .await
}

/// SIGTERM, and waits for an orderly end.
pub async fn terminate(child: &mut Child) -> Result<()> {
    let pid = child.id().context("it ended before")?.to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status()?;
    if !sent.success() {
        bail!("cannot send SIGTERM to {pid}");
    }
    let status = tokio::time::timeout(wait::PATIENCE, child.wait())
        .await
        .with_context(|| format!("process {pid} did not end"))??;
    if !status.success() {
        bail!("process {pid} ended with {status}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_has_used_the_processor() {
        let own = std::process::id();
        assert!(resident(own).unwrap() > 0.5);
        assert!(cpu_time(own).unwrap() > Duration::ZERO);
        assert_eq!(on_cpu("123456 789 10\n"), Some(123_456));
    }
}
