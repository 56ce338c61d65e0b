//! One process of the service.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use testkit::client::Client;
use testkit::servers::ReservedPort;
use testkit::wait;
use tokio::process::{Child, Command};

/// A running service; it is killed when this is dropped.
pub struct Process {
    child: Child,
    pub stranger: Client,
    admin_port: Client,
    _ports: [ReservedPort; 2],
}

/// The program with these variables and no others.
fn program(arguments: &[&str], variables: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_template"));
    let variables = variables.iter().cloned();
    command.args(arguments).env_clear().envs(variables);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

impl Process {
    /// Runs the program to its good end; returns what it said.
    pub async fn said(arguments: &[&str], variables: &[(String, String)]) -> String {
        let ended = program(arguments, variables).output().await.unwrap();
        let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(ended.stdout).unwrap()
    }

    /// Starts it, and waits for nothing.
    pub fn start(variables: &[(String, String)]) -> Self {
        let ports = [ReservedPort::draw().unwrap(), ReservedPort::draw().unwrap()];
        let [port, admin_port] = ports.each_ref().map(ReservedPort::number);
        let mut command = program(&[], variables);
        command
            .env("SHOP__HTTP__PORT", port.to_string())
            .env("SHOP__HTTP__ADMIN_PORT", admin_port.to_string())
            // Nobody has to notice that it ends.
            .env("SHOP__SHUTDOWN__DELAY_MS", "0")
            .env("SHOP__LOG__FILTER", "off");
        let client = |port: u16| Client::new(&format!("127.0.0.1:{port}")).unwrap();
        Self {
            child: command.spawn().unwrap(),
            stranger: client(port),
            admin_port: client(admin_port),
            _ports: ports,
        }
    }

    /// Waits until its health page says so; returns the page.
    pub async fn until_health(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        wait::until(what, || async {
            let page = self.admin_port.get("/readyz").await;
            Ok(page.map(|page| page.body).ok().filter(&is_so))
        })
        .await
        .unwrap()
    }

    /// Sends SIGTERM; returns the exit code.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await;
        assert!(sent.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.unwrap().unwrap().code()
    }
}
