//! The store of the API server.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::server;
use crate::servers::{ServerProcess, Supervisor, free_port};

/// A new, empty one, and its URL.
pub(super) fn prepare(program: &Path) -> Result<(ServerProcess, String)> {
    let supervisor = Supervisor::new("etcd")?;
    let [clients, peers] =
        [free_port()?, free_port()?].map(|port| format!("http://127.0.0.1:{port}"));
    let flags = [
        "--name=test".to_owned(),
        "--data-dir=data".to_owned(),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        format!("--initial-cluster=test={peers}"),
        // A killed process loses nothing by it, only a killed machine does.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ];
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()?;
    let health = format!("{clients}/health");
    let process = server::prepare("etcd", supervisor, program, &flags, &http, health)?;
    Ok((process, clients))
}
