//! The operator as a program of its own.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use testkit::servers::free_port;
use testkit::wait;
use tokio::process::{Child, Command};

use crate::account::Right;
use crate::plane::{HOME, PATIENCE, Plane};

/// One that runs, and is killed when this is dropped.
pub(crate) struct Operator {
    process: Child,
    folder: TempDir,
    admin: String,
    http: reqwest::Client,
}

impl Plane {
    /// Starts the operator with all rights but these.
    pub(crate) async fn operator_without(&self, missing: &[Right]) -> Operator {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let token = self.account(missing).await;
        let folder = TempDir::new().unwrap();
        let authority = folder.path().join("ca.pem");
        std::fs::write(&authority, &self.access.authority).unwrap();
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.access.url, "certificate-authority": authority}}],
            "users": [{"name": "operator", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "operator"}}],
            "current-context": "test",
        });
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig.to_string()).unwrap();
        let port = free_port().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_operator"))
            .args(["run", "--namespace", HOME, "--admin-host", "127.0.0.1"])
            .args(["--admin-port", &port.to_string()])
            .args([
                "--pod",
                &format!("operator-{}", STARTED.fetch_add(1, Ordering::SeqCst)),
            ])
            .env("KUBECONFIG", &file)
            .stdout(log.try_clone().unwrap())
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Operator {
            process,
            folder,
            admin: format!("http://127.0.0.1:{port}"),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(5))
                .build()
                .unwrap(),
        }
    }
}

impl Operator {
    /// Ends it in order, so that the next one need not wait for its lease.
    pub(crate) async fn stop(mut self) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        let killed = Command::new("kill").arg(id.to_string()).status().await;
        assert!(killed.unwrap().success());
        let ended = self.process.wait().await.unwrap();
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Waits until it works, and ends it.
    pub(crate) async fn until_leading_and_stop(self) {
        self.until_page("/metrics", "shop_operator_leader 1").await;
        self.stop().await;
    }

    /// How it ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(PATIENCE, self.process.wait()).await {
            Ok(ended) => ended.unwrap(),
            Err(late) => panic!("{late}: it goes on: {}", self.log()),
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What a page of the admin port has.
    pub(crate) async fn page(&self, path: &str) -> anyhow::Result<String> {
        let reply = self
            .http
            .get(format!("{}{path}", self.admin))
            .send()
            .await?;
        Ok(reply.text().await?)
    }

    /// Waits until a page has this text.
    pub(crate) async fn until_page(&self, path: &str, text: &str) {
        let seen = wait::until_within(PATIENCE, text, || async {
            let page = self.page(path).await.unwrap_or_default();
            Ok(page.contains(text).then_some(()))
        });
        if seen.await.is_err() {
            let page = self.page(path).await.unwrap_or_default();
            panic!("no `{text}` in {path}: {page}\n{}", self.log());
        }
    }

    /// Resources for which requests with this verb were answered with this code.
    pub(crate) async fn answered(&self, verb: &str, code: &str) -> BTreeSet<String> {
        let page = self.page("/metrics").await.unwrap_or_default();
        let lines = page.lines().filter(|line| {
            line.starts_with("shop_operator_api_requests_total{")
                && line.contains(&format!("verb=\"{verb}\""))
                && line.contains(&format!("code=\"{code}\""))
        });
        let resource = |line: &str| {
            let (_, rest) = line.split_once("resource=\"")?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        lines.filter_map(resource).collect()
    }

    /// Waits until all these resources were asked for with this verb, and refused.
    pub(crate) async fn until_forbidden(&self, verb: &str, resources: &BTreeSet<String>) {
        let missed = wait::until_within(PATIENCE, "every refusal", || async {
            let refused = self.answered(verb, "403").await;
            Ok(resources.is_subset(&refused).then_some(()))
        });
        if missed.await.is_err() {
            let refused = self.answered(verb, "403").await;
            let never: Vec<_> = resources.difference(&refused).collect();
            panic!("{verb} was never missed for {never:?}: {}", self.log());
        }
    }
}
