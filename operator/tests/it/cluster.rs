//! The control plane of the tests, with our definition applied.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use testkit::kubernetes::{Access, ControlPlaneOptions, shared};

/// A path of the repository.
pub(crate) fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(of)
}

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

/// The same for clients.
pub(crate) async fn config_of(access: &Access) -> Config {
    let kubeconfig = Kubeconfig::read_from(&access.kubeconfig).unwrap();
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap()
}

/// A namespace of a test's own.
pub(crate) async fn namespace(client: &Client) -> String {
    let namespace = Namespace {
        metadata: ObjectMeta {
            generate_name: Some("test-".to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let namespaces = Api::<Namespace>::all(client.clone());
    let created = namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    created.metadata.name.unwrap()
}
