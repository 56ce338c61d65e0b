//! The command line of the one binary.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use contracts::SystemClock;
use service_kit::{settings, signal, telemetry};

use crate::data_folder::DataFolder;
use crate::platform::Platform;
use crate::service::Service;
use crate::settings::Settings;
use crate::{announcement, first_start, run_file};

/// A whole shop in one process: gateway, user, product, order and notification services with embedded stores.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// The folder that holds everything: stores, broker, keys, mails. Stop the shop and copy it to back it up.
    #[arg(long, value_name = "DIR", default_value = "./shop-data")]
    data: PathBuf,
    /// Fill the catalog with 50 products in 6 categories; those that are there already stay as they are.
    #[arg(long)]
    demo: bool,
    /// Start these services only, separated by commas.
    #[arg(long, value_name = "SERVICE,…", value_enum, value_delimiter = ',')]
    only: Vec<Service>,
    /// A YAML file with settings; variables such as `SHOP__ORDER__HTTP__PORT` win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in force, without secrets, and exit.
    #[arg(long)]
    check_config: bool,
}

/// Does what the command line says, until a signal ends it.
pub fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if std::env::vars_os().any(|(name, _)| name == "STORE_URL" || name == "STORE_URL_FILE") {
        bail!(
            "STORE_URL names the one store of one service, and the one binary has four: unset it, or set \
             SHOP__ORDER__STORE__URL and the like"
        );
    }
    let mut settings: Settings = settings::load(cli.config.as_deref())?;
    settings.place(&std::path::absolute(&cli.data)?)?;
    settings.check_back_ends()?;
    if cli.check_config {
        return print(&settings::redacted_yaml(&settings)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(&cli, settings));
    // What still blocks a thread now was abandoned: the process does not wait for it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

async fn serve(cli: &Cli, mut settings: Settings) -> anyhow::Result<()> {
    let _telemetry = telemetry::init(&settings.log, "shop")?;
    let signal = signal();
    tokio::pin!(signal);
    let folder = DataFolder::open(&cli.data)?;
    let own_admin = first_start::prepare(&folder, &mut settings)?;
    let clock = Arc::new(SystemClock);
    let services = services(cli);
    let starting = async {
        if cli.demo && services.contains(&Service::Product) {
            product::demo::seed(&settings.product, &*clock).await?;
        }
        let starting = Platform::start(settings.clone(), &services, Arc::clone(&clock) as _);
        anyhow::Ok(Box::pin(starting).await?)
    };
    let platform = tokio::select! {
        platform = starting => platform?,
        signal = &mut signal => return Ok(signal?),
    };
    run_file::write(&folder, &platform)
        .with_context(|| format!("cannot write {}", folder.join("run.json").display()))?;
    print(&announcement::text(
        &folder, &settings, &platform, own_admin, cli.demo,
    )?)?;
    signal.await?;
    tracing::info!("ending");
    let ended = platform.stop().await;
    run_file::remove(&folder);
    Ok(ended?)
}

fn services(cli: &Cli) -> BTreeSet<Service> {
    if cli.only.is_empty() {
        Service::ALL.into()
    } else {
        cli.only.iter().copied().collect()
    }
}

/// Writes to standard output; a reader that is gone is no reason to stop the shop.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
