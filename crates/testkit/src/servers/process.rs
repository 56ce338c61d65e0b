//! One server's process: started, ended and halted in every way there is.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::BoxFuture;

use super::supervisor::Supervisor;
use crate::wait;

/// Says whether the server does its work yet.
type Ready = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// How long a start or an orderly end may take where a build has the processors: RabbitMQ needs four and six seconds on idle ones.
const PATIENCE: Duration = Duration::from_mins(3);

/// A server of a test: the process, its folder with `log`, `start.sh` and its data.
///
/// Dropped, it is killed and its folder is removed, in the background; while a test fails the folder is kept and told.
pub struct ServerProcess {
    name: &'static str,
    supervisor: Option<Supervisor>,
    folder: PathBuf,
    /// The signal that asks for an orderly end.
    stop_signal: &'static str,
    ready: Ready,
}

impl ServerProcess {
    /// Not yet started; `start.sh` must be written into its folder first.
    pub(crate) fn new(
        name: &'static str,
        supervisor: Supervisor,
        stop_signal: &'static str,
        ready: Ready,
    ) -> Self {
        Self {
            name,
            folder: supervisor.folder().to_owned(),
            supervisor: Some(supervisor),
            stop_signal,
            ready,
        }
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it wrote so far, for messages.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts it, on the same port and with the data it had, and waits until it does its work.
    pub async fn start(&self) -> Result<()> {
        self.launch().await?;
        self.until_ready().await
    }

    /// Starts it without waiting for anything.
    pub async fn launch(&self) -> Result<()> {
        let pid = self.order("start").await?;
        ensure!(pid != "running", "{} runs already", self.name);
        Ok(())
    }

    /// Waits until it does its work; an early end is an error that shows the log.
    pub async fn until_ready(&self) -> Result<()> {
        wait::until_within(PATIENCE, &format!("{} to start", self.name), || async {
            if (self.ready)().await {
                return Ok(Some(()));
            }
            let state = self.order("state").await?;
            if state != "running" {
                let log = self.log();
                bail!("{} {state} instead of starting:\n{log}", self.name);
            }
            Ok(None)
        })
        .await
        .with_context(|| format!("{} is in {}", self.name, self.folder.display()))
    }

    /// Asks it to end and waits until it did.
    pub async fn stop(&self) -> Result<()> {
        self.order(&format!("signal {}", self.stop_signal)).await?;
        wait::until_within(PATIENCE, &format!("{} to end", self.name), || async {
            Ok((self.order("state").await? != "running").then_some(()))
        })
        .await
    }

    /// `kill -9` to it and all its children; when this returns they are gone.
    pub async fn kill(&self) -> Result<()> {
        self.order("kill").await.map(drop)
    }

    /// Halts it and all its children (SIGSTOP): connections stay, nothing answers.
    pub async fn pause(&self) -> Result<()> {
        self.order("pause").await.map(drop)
    }

    /// Lets it go on (SIGCONT).
    pub async fn resume(&self) -> Result<()> {
        self.order("resume").await.map(drop)
    }

    /// Leaves no byte of room on its disk, which must be its own (`disk_mib`).
    pub async fn fill_disk(&self) -> Result<()> {
        let ballast = self.ballast();
        let full = tokio::task::spawn_blocking(move || -> std::io::Result<()> {
            let mut file = std::fs::File::create(ballast)?;
            // Smaller and smaller pieces, so that the last ones fill the last page.
            for piece in [1024 * 1024, 4096, 1] {
                let bytes = vec![0; piece];
                while file.write_all(&bytes).is_ok() {}
            }
            Ok(())
        });
        full.await?
            .with_context(|| format!("{} has no disk of its own", self.name))
    }

    /// Makes room again.
    pub fn free_disk(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.ballast())?)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("disk").join("ballast")
    }

    /// Whether it runs, halted or not.
    pub async fn is_running(&self) -> Result<bool> {
        Ok(self.order("state").await? == "running")
    }

    /// Kills it, removes its folder, and returns when both are done.
    pub async fn remove(mut self) -> Result<()> {
        match self.supervisor.take() {
            Some(supervisor) => supervisor.end().await,
            None => Ok(()),
        }
    }

    async fn order(&self, order: &str) -> Result<String> {
        let supervisor = self.supervisor.as_ref().context("it was removed")?;
        supervisor.order(order).await
    }
}

impl Drop for ServerProcess {
    #[expect(clippy::print_stderr, reason = "a failing test must show what it kept")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && self.supervisor.is_some()
            && std::fs::write(self.folder.join("keep"), "").is_ok()
        {
            let folder = self.folder.display();
            eprintln!("kept the data and the log of {}: {folder}", self.name);
        }
    }
}
