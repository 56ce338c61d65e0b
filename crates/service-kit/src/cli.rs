//! The command line and the main function that all services share.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use contracts::SystemClock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{App, Runtime};
use crate::lifecycle::{Lifecycle, LifecycleSettings, signal};
use crate::metrics_page::Metrics;
use crate::settings;
use crate::telemetry::{self, LogSettings};

/// The arguments of a service.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// A YAML file with settings; variables such as `SHOP__HTTP__PORT` win over it.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Print the settings in force, without secrets, and exit.
    #[arg(long)]
    pub check_config: bool,
    /// What to do; serve, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What a service can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Answer requests until SIGTERM.
    Serve,
    /// Print the `OpenAPI` document.
    Openapi,
}

/// What the main function needs from any service's settings.
pub trait ServiceSettings: Default + Serialize + DeserializeOwned {
    /// How it logs.
    fn log(&self) -> &LogSettings;
    /// How it ends.
    fn shutdown(&self) -> LifecycleSettings;
}

/// Runs a service: parses, builds, serves until a signal, ends in its phases. An error is one line on stderr and exit
/// code 1.
#[must_use]
pub fn main<S, B, Fut>(
    name: &'static str,
    openapi: fn() -> utoipa::openapi::OpenApi,
    build: B,
) -> ExitCode
where
    S: ServiceSettings,
    B: FnOnce(S, Runtime) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    let cli = Cli::parse();
    report(run(name, &cli, openapi, build))
}

/// The exit code of a result; an error becomes one line with all its causes.
#[expect(
    clippy::print_stderr,
    reason = "the last words of a process, also when logging was never set up"
)]
#[must_use]
pub fn report(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Does what the parsed arguments say; [`main`] without the exit code.
#[expect(clippy::print_stdout, reason = "printing is what was asked for")]
pub fn run<S, B, Fut>(
    name: &'static str,
    cli: &Cli,
    openapi: fn() -> utoipa::openapi::OpenApi,
    build: B,
) -> anyhow::Result<()>
where
    S: ServiceSettings,
    B: FnOnce(S, Runtime) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    if cli.command == Some(Command::Openapi) {
        println!("{}", openapi().to_pretty_json()?);
        return Ok(());
    }
    let settings: S = settings::load(cli.config.as_deref())?;
    if cli.check_config {
        print!("{}", settings::redacted_yaml(&settings)?);
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(name, settings, build));
    // What still blocks a thread now was abandoned: the process does not wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve<S, B, Fut>(name: &'static str, settings: S, build: B) -> anyhow::Result<()>
where
    S: ServiceSettings,
    B: FnOnce(S, Runtime) -> Fut,
    Fut: Future<Output = anyhow::Result<App>>,
{
    let _telemetry = telemetry::init(settings.log(), name)?;
    let runtime = Runtime {
        clock: Arc::new(SystemClock),
        lifecycle: Lifecycle::new(name, settings.shutdown()),
        metrics: Metrics::install(),
    };
    let lifecycle = runtime.lifecycle.clone();
    let signal = signal();
    tokio::pin!(signal);
    let app = tokio::select! {
        app = build(settings, runtime) => app?,
        // The first process of a container ignores a signal that it does not listen to, and building may wait for a store.
        signal = &mut signal => {
            signal?;
            tracing::info!(service = name, "ending before it began");
            return Ok(lifecycle.shut_down().await?);
        }
    };
    tracing::info!(service = name, address = %app.address(), admin = %app.admin_address(), "listening");
    let running = app.start();
    signal.await?;
    tracing::info!(service = name, "ending");
    Ok(running.stop().await?)
}
