//! The API server.

use std::path::Path;

use anyhow::Result;

use super::access::Accounts;
use super::server;
use crate::servers::{ServerProcess, Supervisor};

/// One that keeps everything in this etcd and knows these accounts, which are in its folder.
pub(super) fn prepare(
    program: &Path,
    supervisor: Supervisor,
    accounts: &Accounts,
    etcd_url: &str,
    further_flags: &[String],
) -> Result<ServerProcess> {
    let port = accounts.port();
    let mut flags = vec![
        format!("--etcd-servers={etcd_url}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        // Nobody is to find it by the Service `kubernetes`, whose endpoint may not be a loopback address.
        "--endpoint-reconciler-type=none".to_owned(),
        "--tls-cert-file=certificate.pem".to_owned(),
        "--tls-private-key-file=key.pem".to_owned(),
        "--token-auth-file=tokens.csv".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-account-key-file=service-accounts-public.pem".to_owned(),
        "--service-account-signing-key-file=service-accounts.pem".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--profiling=false".to_owned(),
    ];
    flags.extend_from_slice(further_flags);
    let health = format!("https://127.0.0.1:{port}/readyz");
    server::prepare(
        "kube-apiserver",
        supervisor,
        program,
        &flags,
        accounts.http(),
        health,
    )
}
