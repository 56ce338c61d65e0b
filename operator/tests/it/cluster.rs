//! The control plane of the tests, with our definition applied.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use testkit::kubernetes::{ControlPlaneOptions, shared};

/// A path of the repository.
pub(crate) fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(of)
}

/// Somebody who may do everything, on the control plane of this process.
pub(crate) async fn client() -> Client {
    let options = ControlPlaneOptions {
        manifests: vec![path("crds")],
        ..ControlPlaneOptions::default()
    };
    let access = shared(&options).await.unwrap();
    let kubeconfig = Kubeconfig::read_from(&access.kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
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
