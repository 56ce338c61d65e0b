//! The operator as a process, and what `/proc` tells of it.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::{Child, Command};

use super::metrics::Metrics;

/// An operator that asked nothing for so long is at rest.
pub(super) const QUIET: Duration = Duration::from_secs(3);
/// Ticks of the clock by which Linux tells processor time.
const TICKS_PER_S: f64 = 100.0;

pub(super) struct Program {
    child: Child,
    begun: Instant,
    metrics: String,
    http: reqwest::Client,
}

impl Program {
    pub(super) async fn start(program: &str, kubeconfig: &Path) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let child = Command::new(program)
            .args([
                "run",
                "--admin-host",
                "127.0.0.1",
                "--admin-port",
                &port.to_string(),
            ])
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        let program = Self {
            child,
            begun: Instant::now(),
            metrics: format!("http://127.0.0.1:{port}/metrics"),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()?,
        };
        testkit::wait::until("the operator to answer", || async {
            Ok(program.metrics().await.ok().map(drop))
        })
        .await?;
        Ok(program)
    }

    pub(super) async fn metrics(&self) -> Result<Metrics> {
        let text = self
            .http
            .get(&self.metrics)
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?;
        Ok(Metrics::read(&text))
    }

    pub(super) fn since_start(&self) -> Duration {
        self.begun.elapsed()
    }

    fn proc(&self, file: &str) -> Result<String> {
        let pid = self.child.id().context("the operator has ended")?;
        Ok(std::fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// Resident memory in KiB.
    pub(super) fn memory_kib(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .context("no VmRSS")?
            .parse()
            .context("VmRSS is no number")
    }

    /// Processor time so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let stat = self.proc("stat")?;
        let (_, after_name) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: f64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum();
        Ok(Duration::from_secs_f64(ticks / TICKS_PER_S))
    }

    pub(super) async fn end(mut self) -> Result<()> {
        let pid = self
            .child
            .id()
            .context("the operator has ended")?
            .to_string();
        let sent = Command::new("kill")
            .args(["-s", "TERM", &pid])
            .status()
            .await?;
        ensure!(sent.success(), "the operator cannot be ended");
        self.child.wait().await?;
        Ok(())
    }
}
