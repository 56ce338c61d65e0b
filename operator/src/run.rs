//! The operator as a process: admin port, election, controller, an orderly end.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use contracts::SystemClock;
use kube::{Client, Config};
use service_kit::telemetry::{self, LogFormat, LogSettings};
use service_kit::{
    Admin, Health, HttpSettings, Lifecycle, LifecycleSettings, Metrics, Runtime, signal,
};
use tokio_util::sync::CancellationToken;

use crate::controller;
use crate::election::Election;
use crate::metrics;
use crate::readiness::Readiness;
use crate::validate::{Defaults, PROGRESS_DEADLINE_S};

/// The lease that operators of one cluster contend for, in their own namespace.
pub(crate) const LEASE: &str = "shopplatform-operator";

/// How the operator runs.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// The operator's namespace: its lease is there
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// This process's name: the pod's
    #[arg(long, env = "POD_NAME", default_value = "operator")]
    pub pod: String,
    /// The name of this installation: a platform belongs to the first one that sees it
    #[arg(
        long,
        env = "SHOP_OPERATOR_NAME",
        default_value = "shopplatform-operator"
    )]
    pub name: String,
    /// Work for platforms of this namespace only, with rights in it and its own; default: of all namespaces
    #[arg(long, env = "SHOP_OPERATOR_WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// Address of health and metrics
    #[arg(long, default_value = "0.0.0.0")]
    pub admin_host: std::net::IpAddr,
    /// Port of health and metrics
    #[arg(long, default_value_t = 9010)]
    pub admin_port: u16,
    /// Registry and folder of the images, if a platform does not say it
    #[arg(long, env = "SHOP_OPERATOR_REGISTRY")]
    pub registry: Option<String>,
    /// How long a rollout may make no progress until it is given up and gone back from, in seconds
    #[arg(
        long,
        env = "SHOP_OPERATOR_PROGRESS_DEADLINE_SECONDS",
        default_value_t = PROGRESS_DEADLINE_S,
        value_parser = clap::value_parser!(i32).range(10..=86_400)
    )]
    pub progress_deadline_seconds: i32,
    /// What is logged, such as info,operator=debug
    #[arg(long, env = "SHOP_OPERATOR_LOG_FILTER", default_value = "info")]
    pub log_filter: String,
    /// Log JSON objects, for collectors, instead of lines for people
    #[arg(long, env = "SHOP_OPERATOR_LOG_JSON")]
    pub log_json: bool,
}

impl RunArgs {
    fn log(&self) -> LogSettings {
        LogSettings {
            format: if self.log_json {
                LogFormat::Json
            } else {
                LogFormat::Human
            },
            filter: self.log_filter.clone(),
        }
    }
}

/// Runs until SIGTERM or Ctrl-C, or until the lease is lost to another operator.
pub fn run(args: &RunArgs) -> anyhow::Result<()> {
    // One thread: a pass at rest takes milliseconds, what is slow is the API server, and every further thread has an arena of
    // the allocator to itself.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work(args))
}

async fn work(args: &RunArgs) -> anyhow::Result<()> {
    let _telemetry = telemetry::init(&args.log(), "operator")?;
    let lifecycle = Lifecycle::new("operator", LifecycleSettings::default());
    let runtime = Runtime {
        clock: Arc::new(SystemClock),
        lifecycle: lifecycle.clone(),
        metrics: Metrics::install(),
    };
    let health = Health::new(&lifecycle, env!("CARGO_PKG_VERSION"));
    let readiness = Readiness::default();
    readiness.report_to(&health);
    let settings = HttpSettings {
        admin_host: args.admin_host,
        admin_port: args.admin_port,
        ..HttpSettings::default()
    };
    Admin::start(&runtime, &settings, &health)
        .await?
        .without_service();
    let config = Config::infer().await.context(
        "the cluster cannot be reached: set KUBECONFIG, or run in a pod with a service account",
    )?;
    let client = crate::client::client(config)?;
    let end = lifecycle.token();
    let mut work = std::pin::pin!(lead(args, client, &readiness, &end));
    tokio::select! {
        result = &mut work => {
            lifecycle.shut_down().await?;
            result
        }
        received = signal() => {
            received?;
            // The lease is given back while the rest ends.
            let (ended, result) = tokio::join!(lifecycle.shut_down(), work);
            ended?;
            result
        }
    }
}

/// Waits for the lease, works while it is held, and gives it back.
async fn lead(
    args: &RunArgs,
    client: Client,
    readiness: &Readiness,
    end: &CancellationToken,
) -> anyhow::Result<()> {
    let election = Election::new(
        client.clone(),
        &args.namespace,
        LEASE,
        &args.pod,
        Arc::new(SystemClock),
    )
    .reporting_to(readiness.clone());
    metrics::leads(false);
    if !election.win(end).await {
        return Ok(());
    }
    tracing::info!(pod = args.pod, "this operator works now; others wait");
    metrics::leads(true);
    let context = controller::Context::new(
        client.clone(),
        Defaults {
            progress_deadline_s: args.progress_deadline_seconds,
            ..Defaults::new(args.registry.clone())
        },
        args.name.clone(),
        Arc::new(SystemClock),
    )
    .only_in(args.watch_namespace.clone())
    .reporting_to(readiness.clone());
    let context = Arc::new(context);
    let work = CancellationToken::new();
    let mut controller =
        std::pin::pin!(controller::run(client, Arc::clone(&context), work.clone()));
    let kept = tokio::select! {
        kept = election.keep(end) => kept,
        () = &mut controller => match context.missing_right() {
            Some(right) => bail!("a right is missing, apply what `operator rbac` prints: {right}"),
            None => bail!("the controller ended by itself"),
        },
    };
    if !kept {
        // What is under way is dropped, not finished: another operator works soon, or already.
        bail!("the lease was lost, or could not be renewed: another operator works now");
    }
    work.cancel();
    controller.await;
    election
        .give_back()
        .await
        .context("the lease could not be given back; another operator waits for its end")
}
