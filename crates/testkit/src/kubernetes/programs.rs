//! Where the programs are that `hack/control-plane/build.sh` builds.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::servers::tools;

/// Says which version is built.
const GO_MOD: &str = include_str!("../../../../hack/control-plane/go.mod");

/// Each from the folder that `KUBEBUILDER_ASSETS` names, if it is there, else the one that was built.
pub(super) struct Programs {
    pub(super) etcd: PathBuf,
    pub(super) kube_apiserver: PathBuf,
    pub(super) kube_controller_manager: PathBuf,
    pub(super) kube_scheduler: PathBuf,
    pub(super) kubectl: PathBuf,
    pub(super) kwok: PathBuf,
}

impl Programs {
    pub(super) fn find() -> Result<Self> {
        let built = tools()?.join(format!("kubernetes-{}", version()?));
        let given = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
        let find = |name: &str| {
            given
                .iter()
                .chain([&built])
                .map(|folder| folder.join(name))
                .find(|program| program.is_file())
                .with_context(|| {
                    format!(
                        "{} is not there: run hack/control-plane/build.sh, which builds it",
                        built.join(name).display()
                    )
                })
        };
        Ok(Self {
            etcd: find("etcd")?,
            kube_apiserver: find("kube-apiserver")?,
            kube_controller_manager: find("kube-controller-manager")?,
            kube_scheduler: find("kube-scheduler")?,
            kubectl: find("kubectl")?,
            kwok: find("kwok")?,
        })
    }
}

fn version() -> Result<&'static str> {
    GO_MOD
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("k8s.io/kubernetes v"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("hack/control-plane/go.mod does not say which version of Kubernetes it is")
}
