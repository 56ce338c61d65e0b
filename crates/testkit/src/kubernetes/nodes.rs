//! kwok, which plays kubelets and a storage driver.

use std::path::Path;

use anyhow::Result;

use super::access::{Accounts, User};
use super::server;
use crate::servers::{ServerProcess, Supervisor, free_port};

/// What it makes of nodes, pods and claims.
const STAGES: &str = include_str!("stages.yaml");

/// Plays all nodes there are, also those that a test makes.
pub(super) fn prepare(program: &Path, accounts: &Accounts) -> Result<ServerProcess> {
    let supervisor = Supervisor::new("kwok")?;
    let port = free_port()?;
    std::fs::write(supervisor.folder().join("stages.yaml"), STAGES)?;
    let flags = [
        accounts.flag("--kubeconfig", &User::Nodes.kubeconfig()),
        "--config=stages.yaml".to_owned(),
        "--manage-all-nodes".to_owned(),
        "--node-lease-duration-seconds=40".to_owned(),
        // Enough for the pods of a thousand platforms.
        "--cidr=10.128.0.0/10".to_owned(),
        format!("--server-address=127.0.0.1:{port}"),
    ];
    let health = format!("http://127.0.0.1:{port}/healthz");
    server::prepare("kwok", supervisor, program, &flags, accounts.http(), health)
}
