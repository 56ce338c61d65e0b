//! What the servers of a control plane have in common.

use std::path::Path;

use anyhow::Result;
use futures_util::future::BoxFuture;

use super::access::{Accounts, User};
use crate::servers::{Script, ServerProcess, Supervisor, free_port, quote};

/// A server that is started with these flags in its folder, and ready when it answers a request for `health` with success.
pub(super) fn prepare(
    name: &'static str,
    supervisor: Supervisor,
    program: &Path,
    flags: &[String],
    http: &reqwest::Client,
    health: String,
) -> Result<ServerProcess> {
    let folder = supervisor.folder().display().to_string();
    let program = program.display().to_string();
    let words = std::iter::once(program.as_str()).chain(flags.iter().map(String::as_str));
    Script::new()
        // Some look for settings below it.
        .variable("HOME", &folder)
        .line(&format!("cd {}", quote(&folder)))
        .exec(words)
        .write(supervisor.folder())?;
    let http = http.clone();
    let ready = Box::new(move || -> BoxFuture<'static, bool> {
        let asked = http.get(&health).send();
        Box::pin(async move { asked.await.is_ok_and(|reply| reply.status().is_success()) })
    });
    Ok(ServerProcess::new(name, supervisor, "TERM", ready))
}

/// A component of Kubernetes that works for the API server, as this user: alone and as fast as that lets it.
pub(super) fn prepare_component(
    name: &'static str,
    program: &Path,
    accounts: &Accounts,
    user: User,
    further_flags: &[String],
) -> Result<ServerProcess> {
    let port = free_port()?;
    let mut flags = vec![
        accounts.flag("--kubeconfig", &user.kubeconfig()),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        accounts.flag("--tls-cert-file", "certificate.pem"),
        accounts.flag("--tls-private-key-file", "key.pem"),
        "--leader-elect=false".to_owned(),
        "--kube-api-qps=5000".to_owned(),
        "--kube-api-burst=5000".to_owned(),
        "--profiling=false".to_owned(),
    ];
    flags.extend_from_slice(further_flags);
    prepare(
        name,
        Supervisor::new(name)?,
        program,
        &flags,
        accounts.http(),
        format!("https://127.0.0.1:{port}/healthz"),
    )
}
