//! The controllers of Kubernetes itself.

use std::path::Path;

use anyhow::Result;

use super::access::{Accounts, User};
use super::server;
use crate::servers::ServerProcess;

/// Those that a cluster without a cloud has.
pub(super) fn prepare(program: &Path, accounts: &Accounts) -> Result<ServerProcess> {
    let flags = [
        accounts.flag("--service-account-private-key-file", "service-accounts.pem"),
        accounts.flag("--root-ca-file", "ca.pem"),
        "--use-service-account-credentials=true".to_owned(),
        "--horizontal-pod-autoscaler-sync-period=1s".to_owned(),
        "--pvclaimbinder-sync-period=1s".to_owned(),
    ];
    server::prepare_component(
        "kube-controller-manager",
        program,
        accounts,
        User::ControllerManager,
        &flags,
    )
}
