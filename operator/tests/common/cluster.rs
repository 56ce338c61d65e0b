//! The control plane of the tests, with our definition applied.

use kube::{Client, Config};
use testkit::kubernetes::{Access, ControlPlaneOptions, shared};

use crate::access::{config_of, path};

/// Somebody who may do everything, on the control plane of this process.
pub(crate) async fn client() -> Client {
    Client::try_from(config().await).unwrap()
}

/// How an administrator gets in.
pub(crate) async fn config() -> Config {
    config_of(access().await).await
}

/// A control plane with our definition.
pub(crate) fn options() -> ControlPlaneOptions {
    ControlPlaneOptions {
        manifests: vec![path("crds")],
        ..ControlPlaneOptions::default()
    }
}

/// How an administrator gets in, for programs.
pub(crate) async fn access() -> &'static Access {
    shared(&options()).await.unwrap()
}
