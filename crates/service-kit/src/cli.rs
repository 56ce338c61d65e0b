//! The command line and the main function that all services share.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use contracts::SystemClock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use store_kit::{Applied, OpenError};

use crate::app::{App, Runtime};
use crate::client::http_client;
use crate::error_chain;
use crate::lifecycle::{Lifecycle, LifecycleSettings, signal};
use crate::metrics_page::Metrics;
use crate::server::{BindError, HttpSettings};
use crate::settings;
use crate::telemetry::{self, LogSettings};

/// The arguments of a service.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// A YAML file with settings; variables such as `SHOP__HTTP__PORT` win over it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings in force, without secrets, and exit
    #[arg(long)]
    pub check_config: bool,
    /// What to do; serve, if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What a service can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Answer requests until SIGTERM or Ctrl-C.
    Serve,
    /// Bring the store's schema up to this version, and exit; nothing happens if it is there already.
    Migrate {
        /// Seconds to keep trying while the store's server does not answer
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        wait: u64,
    },
    /// Print the description of the API as JSON.
    Openapi,
    /// Ask the service that runs with the same settings on this machine whether it is ready: exit code 0, or 1 and the
    /// reason. For containers without a shell.
    Health,
}

/// What the main function needs from any service's settings.
pub trait ServiceSettings: Default + Serialize + DeserializeOwned {
    /// How it logs.
    fn log(&self) -> &LogSettings;
    /// How it ends.
    fn shutdown(&self) -> LifecycleSettings;
    /// Where it listens.
    fn http(&self) -> &HttpSettings;
}

/// What wiring a service comes to.
pub type Built = anyhow::Result<App>;

/// A service as its command line sees it.
pub trait Program {
    /// What can be set.
    type Settings: ServiceSettings;

    /// Its name.
    const NAME: &'static str;

    /// The description of its API.
    fn openapi() -> utoipa::openapi::OpenApi;

    /// Wires it.
    fn build(settings: Self::Settings, runtime: Runtime) -> impl Future<Output = Built>;

    /// Brings its store's schema up to this version; none if it keeps nothing.
    #[must_use]
    fn migrate(_: &Self::Settings) -> impl Future<Output = Result<Option<Applied>, OpenError>> {
        std::future::ready(Ok(None))
    }
}

/// Runs a service: parses, builds, serves until a signal, ends in its phases. An error is one line on stderr and exit
/// code 1.
#[must_use]
pub fn main<P: Program>() -> ExitCode {
    let matches = command(P::NAME, &P::openapi()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    report(run::<P>(&cli))
}

/// The command line, which says what the service is in the words of its API's description.
fn command(name: &'static str, api: &utoipa::openapi::OpenApi) -> clap::Command {
    let what = api.info.description.as_deref().unwrap_or_default();
    let what = what.split_inclusive(". ").next().unwrap_or_default();
    Cli::command().name(name).about(format!(
        "The {name} service of the shop: {}",
        what.trim_end()
    ))
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
pub fn run<P: Program>(cli: &Cli) -> anyhow::Result<()> {
    if cli.command == Some(Command::Openapi) {
        println!("{}", P::openapi().to_pretty_json()?);
        return Ok(());
    }
    let settings: P::Settings = settings::load(cli.config.as_deref())?;
    if cli.check_config {
        print!("{}", settings::redacted_yaml(&settings)?);
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match cli.command {
            Some(Command::Migrate { wait }) => {
                tokio::select! {
                    done = migrate::<P>(&settings, Duration::from_secs(wait)) => done,
                    // See `serve`: nobody else listens here either.
                    ended = signal() => {
                        ended?;
                        anyhow::bail!("ended by a signal before the schema was migrated: run it again")
                    }
                }
            }
            Some(Command::Health) => health(settings.http()).await,
            _ => serve::<P>(settings).await,
        }
    });
    // What still blocks a thread now was abandoned: the process does not wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

/// The error as a process with one service has it: its settings stand at the top, not under the service's name as in
/// `shop`.
fn alone(error: anyhow::Error) -> anyhow::Error {
    match error.chain().find_map(|cause| cause.downcast_ref()) {
        Some(BindError::Taken {
            port,
            service,
            setting,
        }) => BindError::Taken {
            port: *port,
            service,
            setting: setting.replacen(&format!("__{}__", service.to_uppercase()), "__", 1),
        }
        .into(),
        _ => error,
    }
}

/// Migrates, and keeps trying for so long while the server does not answer: in a cluster both are started at once.
#[expect(clippy::print_stdout, reason = "printing is what was asked for")]
async fn migrate<P: Program>(settings: &P::Settings, patience: Duration) -> anyhow::Result<()> {
    let _telemetry = telemetry::init(settings.log(), P::NAME)?;
    let once = || P::migrate(settings);
    let patient = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(2))
        .with_total_delay(Some(patience))
        .without_max_times();
    let applied = once
        .retry(patient)
        .when(|error| matches!(error, OpenError::Away { .. }))
        .notify(|error, wait| {
            let error = error_chain(error);
            tracing::warn!(error, ?wait, "the store's server does not answer yet");
        })
        .await?;
    let Some(applied) = applied else {
        anyhow::bail!("{} keeps nothing: there is no schema to migrate", P::NAME);
    };
    println!(
        "the store of {} has schema version {}",
        P::NAME,
        applied.version
    );
    Ok(())
}

/// How long a service may take to say how it is.
const HEALTH_DEADLINE: Duration = Duration::from_secs(2);

/// Asks the service that runs with these settings whether it is ready.
async fn health(settings: &HttpSettings) -> anyhow::Result<()> {
    let host = match settings.admin_host {
        host if !host.is_unspecified() => host,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let address = SocketAddr::new(host, settings.admin_port);
    let url = format!("http://{address}/readyz");
    let asked = http_client(&url, HEALTH_DEADLINE)?.get(url).send().await;
    let reply = asked.with_context(|| format!("nothing answers at {address}"))?;
    if reply.status().is_success() {
        return Ok(());
    }
    anyhow::bail!("not ready: {}", reply.text().await?);
}

async fn serve<P: Program>(settings: P::Settings) -> anyhow::Result<()> {
    let name = P::NAME;
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
        app = P::build(settings, runtime) => match app {
            Ok(app) => app,
            Err(error) => {
                // What it had started before it failed ends with it, in order.
                if let Err(abandoned) = lifecycle.shut_down().await {
                    tracing::error!(%abandoned, "a service that could not start did not end in time");
                }
                return Err(alone(error));
            }
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_says_what_the_service_is_in_one_sentence() {
        let mut info = utoipa::openapi::Info::new("Products", "1");
        info.description = Some("The catalog. What it is in detail.".to_owned());
        let api = utoipa::openapi::OpenApi::new(info, utoipa::openapi::Paths::new());
        let help = command("product", &api).render_help().to_string();
        assert!(
            help.starts_with("The product service of the shop: The catalog.\n\nUsage: product "),
            "{help}"
        );
    }

    #[test]
    fn a_service_alone_is_told_the_setting_that_it_has() {
        let taken = BindError::Taken {
            port: 3001,
            service: "user",
            setting: "SHOP__USER__HTTP__PORT".to_owned(),
        };
        let error = alone(anyhow::Error::from(taken).context("the user service cannot listen"));
        assert_eq!(
            format!("{error:#}"),
            "port 3001 for user is taken; stop what listens there, or set SHOP__HTTP__PORT to another port"
        );
        let other = alone(anyhow::anyhow!("something else").context("above"));
        assert_eq!(format!("{other:#}"), "above: something else");
    }
}
