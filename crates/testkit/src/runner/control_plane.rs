//! A Kubernetes control plane.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Set;
use crate::kubernetes::{ControlPlane, ControlPlaneOptions};

/// One that runs, and how a command finds it.
pub(super) struct Plane {
    control_plane: Box<ControlPlane>,
    variables: [(&'static str, String); 2],
}

impl Plane {
    /// Starts one and applies the manifests.
    pub(super) async fn start(manifests: Vec<PathBuf>) -> Result<Self> {
        let options = ControlPlaneOptions {
            manifests,
            ..Default::default()
        };
        let control_plane = ControlPlane::start_with(&options).await?;
        let kubeconfig = &control_plane.access().kubeconfig;
        let tools = control_plane
            .kubectl()
            .parent()
            .context("kubectl is in no folder")?;
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = [
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("PATH", format!("{}:{path}", tools.display())),
        ];
        Ok(Self {
            control_plane: Box::new(control_plane),
            variables,
        })
    }
}

impl Set for Plane {
    fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }

    async fn remove(self) -> Result<()> {
        self.control_plane.remove().await
    }
}
