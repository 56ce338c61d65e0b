//! A Kubernetes control plane of a test's own: private, temporary, on free ports, gone when who started it is gone.
//!
//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler are the real ones, with RBAC and all usual admission, so
//! Deployments, stateful sets, Jobs, quotas, binding of volumes, garbage collection and deletion of namespaces are too.
//! `hack/control-plane/build.sh` builds them. Only what a kubelet and a storage driver would do is a **fake**, played by kwok
//! as `kubernetes/stages.yaml` tells: no container runs and no byte is stored. A pod is Ready at once, a pod of a Job succeeds
//! at once, and a volume is there, and grows, as soon as somebody wants it. The tag of an image makes a pod go wrong: `:missing`
//! cannot be pulled, `:unready` runs but never gets Ready (a Job with it never ends), `:crashing` ends again and again.
//! There are no metrics, so a horizontal autoscaler keeps to its bounds but follows no load, and no load balancers or DNS.

mod access;
mod apiserver;
mod controllers;
mod etcd;
mod nodes;
mod programs;
mod server;
mod shared;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::servers::{ServerProcess, Supervisor};
use crate::wait;
pub use access::Access;
use access::{Accounts, User};
use programs::Programs;
pub use shared::shared;

/// How long a new control plane may take to do its work where other tests and builds have the processors.
const PATIENCE: Duration = Duration::from_mins(3);

/// Three nodes in three zones, and a default storage class.
const CLUSTER: &str = include_str!("kubernetes/cluster.yaml");

/// How a control plane is set up.
#[derive(Clone, Default)]
pub struct ControlPlaneOptions {
    /// Manifests (files or folders) that are applied before the controllers start. Custom resource definitions belong here: the
    /// garbage collector looks for new kinds when it starts and then only every 30 seconds, and until it knows a kind nothing
    /// that is owned by an object of it is collected.
    pub manifests: Vec<PathBuf>,
    /// Further flags of kube-apiserver, such as `--max-requests-inflight=3` to have it throttle.
    pub apiserver_flags: Vec<String>,
}

/// A running control plane with three nodes in three zones and an expandable default storage class, `standard`.
pub struct ControlPlane {
    access: Access,
    kubectl: PathBuf,
    nodes: ServerProcess,
    scheduler: ServerProcess,
    controller_manager: ServerProcess,
    apiserver: ServerProcess,
    etcd: ServerProcess,
}

impl ControlPlane {
    /// A plain one.
    pub async fn start() -> Result<Self> {
        Self::start_with(&ControlPlaneOptions::default()).await
    }

    /// One that is set up as told.
    pub async fn start_with(options: &ControlPlaneOptions) -> Result<Self> {
        Box::pin(Self::start_all(options)).await
    }

    async fn start_all(options: &ControlPlaneOptions) -> Result<Self> {
        let programs = Programs::find()?;
        let (etcd, etcd_url) = etcd::prepare(&programs.etcd)?;
        etcd.start().await?;

        let supervisor = Supervisor::new("kube-apiserver")?;
        let folder = supervisor.folder().to_owned();
        let accounts = Accounts::write(&folder)?;
        let apiserver = apiserver::prepare(
            &programs.kube_apiserver,
            supervisor,
            &accounts,
            &etcd_url,
            &options.apiserver_flags,
        )?;
        apiserver.start().await?;

        let cluster = folder.join("cluster.yaml");
        std::fs::write(&cluster, CLUSTER)?;
        let access = accounts.administrator();
        apply(&programs.kubectl, &access, &cluster).await?;
        for manifest in &options.manifests {
            apply(&programs.kubectl, &access, manifest).await?;
        }
        until_custom_resources_are_served(&accounts).await?;

        let controller_manager =
            controllers::prepare(&programs.kube_controller_manager, &accounts)?;
        let scheduler = server::prepare_component(
            "kube-scheduler",
            &programs.kube_scheduler,
            &accounts,
            User::Scheduler,
            &[],
        )?;
        let nodes = nodes::prepare(&programs.kwok, &accounts)?;
        tokio::try_join!(controller_manager.start(), scheduler.start(), nodes.start())?;
        until_pods_can_run(&accounts).await?;
        Ok(Self {
            access,
            kubectl: programs.kubectl,
            nodes,
            scheduler,
            controller_manager,
            apiserver,
            etcd,
        })
    }

    /// How an administrator gets in.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Where kubectl is, of the same version.
    #[must_use]
    pub fn kubectl(&self) -> &Path {
        &self.kubectl
    }

    /// The API server.
    #[must_use]
    pub fn apiserver(&self) -> &ServerProcess {
        &self.apiserver
    }

    /// The controllers of Deployments, Jobs and so on: halted, whatever needs them stands still.
    #[must_use]
    pub fn controller_manager(&self) -> &ServerProcess {
        &self.controller_manager
    }

    /// The scheduler.
    #[must_use]
    pub fn scheduler(&self) -> &ServerProcess {
        &self.scheduler
    }

    /// kwok, which plays the nodes and the volumes.
    #[must_use]
    pub fn nodes(&self) -> &ServerProcess {
        &self.nodes
    }

    /// The store of the API server.
    #[must_use]
    pub fn etcd(&self) -> &ServerProcess {
        &self.etcd
    }

    /// Kills everything and removes all data.
    pub async fn remove(self) -> Result<()> {
        for server in [
            self.nodes,
            self.scheduler,
            self.controller_manager,
            self.apiserver,
            self.etcd,
        ] {
            server.remove().await?;
        }
        Ok(())
    }
}

async fn apply(kubectl: &Path, access: &Access, manifests: &Path) -> Result<()> {
    let output = Command::new(kubectl)
        .args(["apply", "--server-side", "--recursive", "--filename"])
        .arg(manifests)
        .env("KUBECONFIG", &access.kubeconfig)
        .output()
        .await
        .context("cannot start kubectl")?;
    ensure!(
        output.status.success(),
        "cannot apply {}: {}",
        manifests.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

async fn until_custom_resources_are_served(accounts: &Accounts) -> Result<()> {
    until("custom resources to be served", || async {
        let definitions = accounts
            .read("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
            .await?;
        Ok(items(&definitions).all(|definition| is(definition, "Established")))
    })
    .await
}

/// Nodes are ready, and no longer marked as not ready; the service account that every pod needs is there, which shows that the
/// controllers work.
async fn until_pods_can_run(accounts: &Accounts) -> Result<()> {
    until("nodes and controllers to do their work", || async {
        let nodes = accounts.read("/api/v1/nodes").await?;
        let service_accounts = accounts
            .read("/api/v1/namespaces/default/serviceaccounts")
            .await?;
        let work = items(&nodes)
            .all(|node| is(node, "Ready") && node.pointer("/spec/taints").is_none())
            && items(&service_accounts).next().is_some();
        Ok(work)
    })
    .await
}

/// Waits for what the API server is to say. It may be too busy for an answer meanwhile.
async fn until<F, Fut>(what: &str, is_so: F) -> Result<()>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<bool>>,
{
    let last_error = Mutex::new(None);
    let waited = wait::until_within(PATIENCE, what, || async {
        match is_so().await {
            Ok(is_so) => Ok(is_so.then_some(())),
            Err(error) => {
                *last_error.lock().await = Some(error);
                Ok(None)
            }
        }
    })
    .await;
    match (waited, last_error.into_inner()) {
        (Err(late), Some(error)) => bail!("{late}; the last error: {error:#}"),
        (waited, _) => waited,
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Whether the object's condition of this type is true.
fn is(object: &Value, condition: &str) -> bool {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    conditions.into_iter().flatten().any(|found| {
        found.get("type") == Some(&condition.into()) && found.get("status") == Some(&"True".into())
    })
}
