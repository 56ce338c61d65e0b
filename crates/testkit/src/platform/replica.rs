//! One process of a service.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;

use super::Service;
use super::target::{Addresses, Target};
use crate::client::Client;
use crate::servers::{ReservedPort, Script, Supervisor, quote};
use crate::wait;

/// How much of a log is shown in an error.
const LAST_LINES: usize = 30;
/// The exit code of a process that a crash point ended: 128 + SIGABRT.
const ABORTED: i32 = 134;

/// One process of a service, that a test can kill, halt and start again. Each start takes new ports, as a new pod has a new
/// address; who asks through the load balancer does not notice.
pub struct Replica {
    service: Service,
    name: String,
    program: PathBuf,
    environment: Vec<(String, String)>,
    log: PathBuf,
    supervisor: Supervisor,
    target: Arc<Target>,
    /// Since it was started last: for requests, and for health and metrics.
    ports: Mutex<Option<[ReservedPort; 2]>>,
    /// The exit code of the process that ran last.
    ended: Mutex<Option<i32>>,
}

impl Replica {
    pub(super) fn new(
        service: Service,
        number: usize,
        program: PathBuf,
        environment: Vec<(String, String)>,
        log: impl FnOnce(&str) -> PathBuf,
    ) -> Result<Self> {
        let name = format!("{service}-{number}");
        Ok(Self {
            service,
            log: log(&name),
            supervisor: Supervisor::new(&name)?,
            name,
            program,
            environment,
            target: Arc::default(),
            ports: Mutex::default(),
            ended: Mutex::default(),
        })
    }

    /// Which service it is of.
    #[must_use]
    pub fn service(&self) -> Service {
        self.service
    }

    /// `order-0` and the like.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `host:port` where it answers requests, since it was started last.
    pub fn address(&self) -> Result<String> {
        Ok(self.addresses()?.service.to_string())
    }

    /// `host:port` of its health and metrics, since it was started last.
    pub fn admin_address(&self) -> Result<String> {
        Ok(self.addresses()?.admin.to_string())
    }

    fn addresses(&self) -> Result<Addresses> {
        let addresses = self.target.addresses();
        addresses.with_context(|| format!("{} was not started", self.name))
    }

    pub(super) fn target(&self) -> Arc<Target> {
        Arc::clone(&self.target)
    }

    /// What it wrote so far, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&self) -> Result<()> {
        self.start_with(&[]).await
    }

    /// Starts it with further environment variables and waits until it is ready. For a crash point:
    /// `&[("SHOP_CRASH_AT", "relay.after_publish:1")]`.
    pub async fn start_with(&self, variables: &[(&str, &str)]) -> Result<()> {
        self.launch_with(variables).await?;
        self.until_ready().await
    }

    /// Starts it without waiting for anything.
    pub async fn launch_with(&self, variables: &[(&str, &str)]) -> Result<()> {
        if self.is_running().await? {
            bail!("{} runs already", self.name);
        }
        let reserved = [ReservedPort::draw()?, ReservedPort::draw()?];
        let [port, admin_port] = reserved.each_ref().map(ReservedPort::number);
        *lock(&self.ports) = Some(reserved);
        let mut words = vec!["env".to_owned(), "-i".to_owned()];
        let ports = [
            ("SHOP__HTTP__PORT".to_owned(), port.to_string()),
            ("SHOP__HTTP__ADMIN_PORT".to_owned(), admin_port.to_string()),
        ];
        let more = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables = self.environment.iter().cloned().chain(ports).chain(more);
        words.extend(variables.map(|(name, value)| format!("{name}={value}")));
        words.push(self.program.display().to_string());
        let log = quote(&self.log.display().to_string());
        Script::new()
            .line(&format!("exec >>{log} 2>&1"))
            .exec(words.iter().map(String::as_str))
            .write(self.supervisor.folder())?;
        *lock(&self.ended) = None;
        self.supervisor.order("start").await?;
        self.target.starts_at(port, admin_port);
        Ok(())
    }

    /// Waits until it is ready; an early end is an error that shows the end of its log.
    pub async fn until_ready(&self) -> Result<()> {
        wait::until(&format!("{} to be ready", self.name), || async {
            if self.target.look().await {
                return Ok(Some(()));
            }
            if self.is_running().await? {
                return Ok(None);
            }
            let last = self.last_lines();
            bail!("{} ended instead of being ready:\n{last}", self.name)
        })
        .await
        .with_context(|| format!("its log is {}", self.log.display()))
    }

    /// Whether it runs, halted or not.
    pub async fn is_running(&self) -> Result<bool> {
        let state = self.supervisor.order("state").await?;
        if let Some(code) = state.strip_prefix("ended with ") {
            *lock(&self.ended) = Some(code.parse()?);
            self.target.is_gone();
        }
        Ok(state == "running")
    }

    /// `kill -9`; when this returns it is gone.
    pub async fn kill(&self) -> Result<()> {
        self.supervisor.order("kill").await?;
        self.target.is_gone();
        Ok(())
    }

    /// Sends SIGTERM, without waiting. It is not taken out of the load balancer: that sees that it is not ready any more.
    pub async fn terminate(&self) -> Result<()> {
        self.supervisor.order("signal TERM").await?;
        Ok(())
    }

    /// Waits for its end; returns the exit code, 128 + the number of the signal if one ended it.
    pub async fn ended(&self, patience: Duration) -> Result<i32> {
        wait::until_within(patience, &format!("{} to end", self.name), || async {
            Ok((!self.is_running().await?).then_some(()))
        })
        .await
        .with_context(|| self.last_lines())?;
        let code = *lock(&self.ended);
        code.with_context(|| format!("{} was killed or never started", self.name))
    }

    /// Sends SIGTERM, waits for the end, and returns the exit code: 0 for an orderly one.
    pub async fn stop(&self) -> Result<i32> {
        self.terminate().await?;
        self.ended(wait::PATIENCE).await
    }

    /// Waits until a crash point ended it; any other end is an error.
    pub async fn crashed(&self) -> Result<()> {
        let code = self.ended(wait::PATIENCE).await?;
        if code != ABORTED {
            bail!(
                "{} ended with {code}, not by a crash point:\n{}",
                self.name,
                self.last_lines()
            );
        }
        Ok(())
    }

    /// Waits at most that long for a crash point to end it; `false` if it was not reached. Any other end is an error.
    pub async fn crashes_within(&self, time: Duration) -> Result<bool> {
        let deadline = Instant::now() + time;
        let what = format!("{} to crash", self.name);
        let ended = wait::until(&what, || async {
            let runs = self.is_running().await?;
            Ok((!runs || Instant::now() >= deadline).then_some(!runs))
        });
        if ended.await? {
            self.crashed().await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether its load balancer sends requests to it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.target.ready().is_some()
    }

    /// What a counter of its metrics page says since it was started last, all series together; 0 if there is none.
    pub async fn counted(&self, counter: &str) -> Result<u64> {
        let page = Client::new(&self.admin_address()?)?
            .request(reqwest::Method::GET, "/metrics")
            .send()
            .await?
            .text()
            .await?;
        let series = page.lines().filter_map(|line| {
            let rest = line.strip_prefix(counter)?;
            rest.starts_with(['{', ' '])
                .then_some(rest)?
                .rsplit(' ')
                .next()
        });
        series.map(|value| Ok(value.parse::<u64>()?)).sum()
    }

    /// Halts it (SIGSTOP): connections stay, nothing answers.
    pub async fn pause(&self) -> Result<()> {
        self.supervisor.order("pause").await.map(drop)
    }

    /// Lets it go on (SIGCONT).
    pub async fn resume(&self) -> Result<()> {
        self.supervisor.order("resume").await.map(drop)
    }

    fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
