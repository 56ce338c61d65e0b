//! An operator as a process.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::cluster;
use crate::harness::World;

/// Dropped, it is killed.
pub(super) struct OperatorProcess(Child);

impl OperatorProcess {
    /// One that works in this namespace and contends for the lease that is in it.
    pub(super) async fn start(world: &World, pod: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_operator"))
            .arg("run")
            .args(["--namespace", &world.namespace])
            .args(["--watch-namespace", &world.namespace])
            .args(["--pod", pod])
            .args(["--admin-host", "127.0.0.1", "--admin-port", "0"])
            .env("KUBECONFIG", &cluster::access().await.kubeconfig)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Such as `TERM`.
    pub(super) async fn signal(&self, signal: &str) {
        let pid = self.0.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &pid])
            .status()
            .await;
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(super) async fn ended(mut self) -> ExitStatus {
        let ended = tokio::time::timeout(crate::harness::PATIENCE, self.0.wait());
        ended.await.unwrap().unwrap()
    }
}
