//! nginx, the yardstick of forwarding; its configuration is `bench/nginx.conf`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use testkit::wait;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::process;

const CONFIGURATION: &str = include_str!("../../nginx.conf");

/// A running nginx.
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// Starts it by `starter`, such as `taskset -c 0`, in front of `upstream`; `None` if it is not installed.
    pub async fn start(starter: &[&str], upstream: SocketAddr) -> Result<Option<Self>> {
        let there = std::process::Command::new("nginx")
            .arg("-v")
            .stderr(Stdio::null())
            .status();
        if there.is_err() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("bench-nginx-").tempdir()?;
        // It cannot choose a port itself; this one was free a moment ago.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let configuration = CONFIGURATION
            .replace("{folder}", &folder.path().display().to_string())
            .replace("{upstream}", &upstream.to_string())
            .replace("{listen}", &address.to_string());
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let mut words = starter.iter().copied().chain(["nginx", "-c"]);
        let child = Command::new(words.next().context("no program")?)
            .args(words)
            .arg(&file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait::until("nginx to listen", || async {
            Ok(TcpStream::connect(address).await.ok())
        })
        .await?;
        Ok(Some(Self {
            child,
            address,
            _folder: folder,
        }))
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("nginx has ended")
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        process::terminate(&mut self.child).await
    }
}
