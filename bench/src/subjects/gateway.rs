//! The gateway's own binary, in front of one upstream that stands for all services.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use access_token::{Claims, Role, SigningKeys, VerifierSettings};
use anyhow::{Context, Result, bail};
use contracts::{Clock as _, SessionId, SystemClock, UserId};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::wait;
use tokio::process::{Child, Command};

use crate::process;

/// A period that no measurement sees the end of, in seconds.
const NEVER: u64 = 86_400;
/// How long the measured token lives, in seconds.
const TOKEN_LIFE: i64 = 86_400;

/// What is switched on.
#[derive(Clone, Copy)]
pub enum Extras {
    /// No rate limit, no access log: what a mere proxy does.
    Off,
    /// As in production: rate limit (never reached) and sampled access log.
    On,
}

/// A running gateway.
pub struct Gateway {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// An access token that it takes.
    pub token: String,
    _folder: TempDir,
}

impl Gateway {
    /// Starts `binary` by `starter`, such as `taskset -c 0`, in front of `upstream`.
    pub async fn start(
        starter: &[&str],
        binary: &str,
        upstream: SocketAddr,
        extras: Extras,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("bench-gateway-")
            .tempdir()?;
        let token = prepare(folder.path(), upstream, extras)?;
        let log = folder.path().join("log");
        let mut words = starter.iter().copied().chain([binary]);
        let mut child = Command::new(words.next().context("no program")?)
            .args(words)
            .arg("--config")
            .arg(folder.path().join("gateway.yaml"))
            // One worker thread, as the runtime itself would choose on one core: with more, who wakes whom varies.
            .env("TOKIO_WORKER_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {binary}"))?;
        let address = listening(&mut child, &log).await?;
        Ok(Self {
            child,
            address,
            token,
            _folder: folder,
        })
    }

    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("the gateway has ended")
    }

    /// Ends it in order.
    pub async fn stop(mut self) -> Result<()> {
        process::terminate(&mut self.child).await
    }
}

/// Writes settings and key set, and signs a customer's token.
fn prepare(folder: &Path, upstream: SocketAddr, extras: Extras) -> Result<String> {
    let keys = SigningKeys::from_pem(&SigningKeys::generate_pem()?, None)?;
    let jwks = folder.join("jwks.json");
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks())?)?;
    let settings = settings(&jwks, upstream, extras);
    // JSON is YAML.
    std::fs::write(folder.join("gateway.yaml"), settings.to_string())?;
    let now = SystemClock.now();
    let VerifierSettings {
        issuer, audience, ..
    } = VerifierSettings::default();
    Ok(keys.sign(&Claims {
        iss: issuer,
        aud: audience,
        sub: UserId::at(now),
        sid: SessionId::at(now),
        jti: "bench".to_owned(),
        roles: vec![Role::Customer],
        iat: now.unix_seconds(),
        exp: now.unix_seconds() + TOKEN_LIFE,
    })?)
}

fn settings(jwks: &Path, upstream: SocketAddr, extras: Extras) -> Value {
    // Without an admin address its health is not polled, which would be counted with the requests.
    let upstream = json!({"url": format!("http://{upstream}"), "admin_url": ""});
    json!({
        "http": {"port": 0, "admin_port": 0},
        "log": {"format": "json"},
        "auth": {"jwks": jwks},
        "upstreams": {
            "user": upstream, "product": upstream, "order": upstream, "notification": upstream,
        },
        "pool": {"connection_life_s": NEVER},
        "openapi": {"refresh_s": NEVER},
        "rate_limit": {
            "enabled": matches!(extras, Extras::On), "requests": 100_000_000, "burst": 100_000_000,
        },
        "access_log": {"every": if matches!(extras, Extras::On) { 1_000 } else { 0 }},
    })
}

/// Waits for the line of the log that tells the address.
async fn listening(child: &mut Child, log: &PathBuf) -> Result<SocketAddr> {
    wait::until("the gateway to listen", || {
        let ended = child.try_wait();
        async move {
            let text = std::fs::read_to_string(log)?;
            if let Some(status) = ended? {
                bail!("the gateway ended with {status}:\n{text}");
            }
            Ok(text.lines().find_map(address))
        }
    })
    .await
}

fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let listening = line.get("message")? == "listening";
    let address = line.get("address")?.as_str()?.parse().ok()?;
    listening.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_the_line_that_says_listening() {
        let listening = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:3000"}"#;
        let address_of = |line| address(line).map(|address| address.port());
        assert_eq!(address_of(listening), Some(3000));
        assert_eq!(
            address_of(r#"{"message":"other","address":"127.0.0.1:1"}"#),
            None
        );
        assert_eq!(address_of("==1== valgrind says"), None);
    }
}
