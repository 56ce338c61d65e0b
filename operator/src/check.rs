//! Whether an operator works, seen from a pod of its account: for `helm test`, and for whoever waits for it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::ListParams;
use kube::{Api, Client, Config};

use crate::resource::ShopPlatform;

/// Who works renews its lease every two seconds.
const RENEWAL: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(500);

/// Of which operator.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The operator's namespace: its lease is there
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// The namespace that it works for; default: all
    #[arg(long, env = "SHOP_OPERATOR_WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// Seconds to keep trying while it does not work yet
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub wait: u64,
}

/// Which operator works, in one sentence; or why none does.
pub fn check(args: &CheckArgs) -> anyhow::Result<String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let config = Config::infer().await.context(
                "the cluster cannot be reached: set KUBECONFIG, or run in a pod with a service account",
            )?;
            works(&crate::client::client(config)?, args).await
        })
}

/// The same, for whoever has a client.
pub async fn works(client: &Client, args: &CheckArgs) -> anyhow::Result<String> {
    let begin = Instant::now();
    loop {
        let checked = once(client, args).await;
        if checked.is_ok() || begin.elapsed() >= Duration::from_secs(args.wait) {
            return checked;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn once(client: &Client, args: &CheckArgs) -> anyhow::Result<String> {
    let platforms: Api<ShopPlatform> = match &args.watch_namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    match platforms
        .list_metadata(&ListParams::default().limit(1))
        .await
    {
        Ok(_) => {}
        Err(kube::Error::Api(status)) if status.code == 404 => {
            bail!("the cluster does not know ShopPlatform: apply what `operator crd` prints")
        }
        Err(error) => return Err(error).context("platforms cannot be listed"),
    }
    let leases = Api::namespaced(client.clone(), &args.namespace);
    let seen = held(&leases).await?;
    let begin = Instant::now();
    loop {
        tokio::time::sleep(PAUSE).await;
        let now = held(&leases).await?;
        let holder = now.holder_identity.clone().unwrap_or_default();
        if now != seen {
            return Ok(format!("the operator {holder} works"));
        }
        if begin.elapsed() > RENEWAL {
            bail!("no operator works: {holder} has the lease and does not renew it");
        }
    }
}

/// The lease, which somebody has.
async fn held(leases: &Api<Lease>) -> anyhow::Result<LeaseSpec> {
    let lease = leases.get_opt(crate::run::LEASE).await;
    let spec = lease
        .context("the lease cannot be read")?
        .and_then(|lease| lease.spec)
        .unwrap_or_default();
    if spec
        .holder_identity
        .as_deref()
        .unwrap_or_default()
        .is_empty()
    {
        bail!("no operator works: nobody has the lease; see the log of its pods");
    }
    Ok(spec)
}
