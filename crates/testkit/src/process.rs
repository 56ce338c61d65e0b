//! The `shop` binary as a child process: started on free ports and an own data folder, killed, restarted.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::wait;

/// What `shop` writes to `run.json` in its data folder once everything listens.
#[derive(Clone, Debug, Deserialize)]
pub struct RunFile {
    /// The process that wrote it.
    pub pid: u32,
    /// `host:port` of each service that runs, by name.
    pub addresses: BTreeMap<String, String>,
    /// `host:port` of the admin port of each service that runs, by name.
    pub admin_addresses: BTreeMap<String, String>,
}

impl RunFile {
    /// `host:port` of a service that runs.
    pub fn address(&self, service: &str) -> Result<&str> {
        self.addresses
            .get(service)
            .map(String::as_str)
            .with_context(|| format!("{service} does not run"))
    }
}

/// A data folder and how to start the binary on it. The folder is removed at the end, but kept when the test fails.
pub struct ShopHarness {
    binary: PathBuf,
    data: Option<TempDir>,
    prefix: Vec<String>,
    arguments: Vec<String>,
    only: Option<String>,
    variables: BTreeMap<String, String>,
}

impl ShopHarness {
    /// A new, empty data folder for this `shop` binary. Throttles are wide open, since all customers of a test
    /// come from one address.
    pub fn new(binary: &str) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for service in ["GATEWAY", "USER", "PRODUCT", "ORDER", "NOTIFICATION"] {
            for port in ["PORT", "ADMIN_PORT"] {
                variables.insert(format!("SHOP__{service}__HTTP__{port}"), "0".to_owned());
            }
        }
        variables.insert(
            "SHOP__GATEWAY__RATE_LIMIT__ENABLED".to_owned(),
            "false".to_owned(),
        );
        for limit in ["BY_ADDRESS", "BY_EMAIL_AND_ADDRESS", "BY_EMAIL"] {
            let tries = format!("SHOP__USER__THROTTLE__{limit}__BURST");
            variables.insert(tries, "1000000".to_owned());
        }
        variables.insert("RUST_BACKTRACE".to_owned(), "0".to_owned());
        Ok(Self {
            binary: PathBuf::from(binary),
            data: Some(tempfile::Builder::new().prefix("shop-test-").tempdir()?),
            prefix: Vec::new(),
            arguments: Vec::new(),
            only: None,
            variables,
        })
    }

    /// Started by another program, such as `taskset -c 0`, which must replace itself by the shop.
    #[must_use]
    pub fn started_by(mut self, program: &str, arguments: &[&str]) -> Self {
        let shop = std::mem::replace(&mut self.binary, PathBuf::from(program));
        self.prefix = arguments.iter().map(|text| (*text).to_owned()).collect();
        self.prefix.push(shop.display().to_string());
        self
    }

    /// With a command-line argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With these services only, separated by commas.
    #[must_use]
    pub fn only(mut self, services: &str) -> Self {
        self.only = Some(services.to_owned());
        self
    }

    /// With all services again.
    #[must_use]
    pub fn everything(mut self) -> Self {
        self.only = None;
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// What the processes wrote so far, for messages.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data().join("test.log")).unwrap_or_default()
    }

    /// Starts the binary without waiting for anything.
    pub fn spawn(&self) -> Result<ShopProcess> {
        self.spawn_with(&[])
    }

    /// Starts the binary with further environment variables, without waiting for anything.
    pub fn spawn_with(&self, variables: &[(&str, &str)]) -> Result<ShopProcess> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.data().join("test.log"))?;
        let mut command = Command::new(&self.binary);
        // Settings of the machine that runs the tests must not leak into the shop under test.
        for (name, _) in std::env::vars() {
            if name.starts_with("SHOP_") || name == "STORE_URL" || name == "BROKER_URL" {
                command.env_remove(name);
            }
        }
        let child = command
            .args(&self.prefix)
            .arg("--data")
            .arg(self.data())
            .args(&self.arguments)
            .args(self.only.iter().flat_map(|services| ["--only", services]))
            .envs(&self.variables)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let pid = child.id().context("the process ended at once")?;
        Ok(ShopProcess {
            child,
            pid,
            data: self.data().to_owned(),
        })
    }

    /// Starts the binary and waits until everything listens.
    pub async fn start(&self) -> Result<(ShopProcess, RunFile)> {
        let mut process = self.spawn()?;
        let run = process.ready().await?;
        Ok((process, run))
    }
}

impl Drop for ShopHarness {
    #[expect(clippy::print_stderr, reason = "a failing test must show what it kept")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(data) = self.data.take()
        {
            eprintln!("kept the stores and the log: {}", data.keep().display());
        }
    }
}

/// A running `shop`.
pub struct ShopProcess {
    child: Child,
    pid: u32,
    data: PathBuf,
}

impl ShopProcess {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until everything listens; an early end is an error that shows the log.
    pub async fn ready(&mut self) -> Result<RunFile> {
        let file = self.data.join("run.json");
        let pid = self.pid;
        let child = &mut self.child;
        wait::until("the shop to listen", || {
            let ended = child.try_wait();
            let found = std::fs::read(&file)
                .ok()
                .and_then(|bytes| serde_json::from_slice::<RunFile>(&bytes).ok())
                .filter(|run| run.pid == pid);
            let log = file.with_file_name("test.log");
            async move {
                if let Some(status) = ended? {
                    let log = std::fs::read_to_string(log).unwrap_or_default();
                    bail!("the shop ended with {status}:\n{log}");
                }
                Ok(found)
            }
        })
        .await
    }

    /// `kill -9`, and waits until the process is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        let pid = i32::try_from(self.pid)?;
        // The kill command keeps this crate free of `unsafe`.
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &pid.to_string()])
            .status()?;
        if !sent.success() {
            bail!("cannot send SIGTERM to {pid}");
        }
        Ok(())
    }

    /// Waits for the end of the process.
    pub async fn ended(&mut self, patience: Duration) -> Result<ExitStatus> {
        tokio::time::timeout(patience, self.child.wait())
            .await
            .with_context(|| format!("the shop did not end within {patience:?}"))?
            .map_err(Into::into)
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn stop(mut self, patience: Duration) -> Result<ExitStatus> {
        self.terminate()?;
        self.ended(patience).await
    }
}

/// Whether the process was ended by an abort: what a crash point does.
#[must_use]
pub fn crashed(status: ExitStatus) -> bool {
    status.signal().is_some()
}
