//! Where things are, and how tests get in.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use testkit::kubernetes::Access;

/// A path of the repository.
pub(crate) fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(of)
}

/// How an administrator gets in, for clients.
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
