//! What the system knows of a process.

use std::path::Path;
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

/// The processes whose standard output is this file: one that was started anew has another id, and a server has many.
pub fn writing_to(log: &Path) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Others' processes, and those that end meanwhile, cannot be looked into.
        if std::fs::read_link(entry.path().join("fd/1")).is_ok_and(|output| output == log) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Processor time of these processes and of those below them that ended: to the nanosecond and to 10 ms.
pub fn cpu_time_of_all(pids: &[u32]) -> Result<Duration> {
    let mut all = Duration::ZERO;
    for pid in pids {
        // One that ended since it was found counts as its parent's.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        let ended = of_ended_children(&stat).with_context(|| format!("odd stat: {stat}"))?;
        all += cpu_time(*pid).unwrap_or_default() + ended;
    }
    Ok(all)
}

/// Linux counts it in hundredths of a second, whatever its clock does: the fourteenth and fifteenth field after the name.
fn of_ended_children(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(13);
    let mut next = || times.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (next()? + next()?)))
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

    #[test]
    fn the_time_of_children_that_ended_counts() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 9 8 0 0 11 12 13 14 20 0 1 0 5 6 7";
        assert_eq!(of_ended_children(stat), Some(Duration::from_millis(270)));
        let own = cpu_time_of_all(&[std::process::id()]).unwrap();
        assert!(own > Duration::ZERO);
    }

    #[test]
    fn processes_are_found_by_the_file_they_write_to() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .stdout(file.reopen().unwrap())
            .spawn()
            .unwrap();
        let found = writing_to(file.path()).unwrap();
        assert_eq!(found, [child.id()]);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
