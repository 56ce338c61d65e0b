//! The control plane of these tests. Operators here work in all namespaces, so one works at a time.

use std::path::PathBuf;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config, ResourceExt as _};
use operator::child::Kind;
use operator::resource::{ShopPlatform, ShopPlatformStatus};
use serde::Deserialize as _;
use serde_json::{Value, json};
use testkit::kubernetes::{Access, ControlPlaneOptions, shared};
use testkit::wait;
use tokio::sync::{Mutex, MutexGuard};

/// The namespace of all operators.
pub(crate) const HOME: &str = "default";

static ALONE: Mutex<()> = Mutex::const_new(());

/// Where one test works.
pub(crate) struct Plane {
    pub(crate) client: Client,
    pub(crate) access: &'static Access,
    pub(crate) namespace: String,
    _alone: MutexGuard<'static, ()>,
}

pub(crate) fn path(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(of)
}

impl Plane {
    /// Every API that a platform may use, and a namespace of the test's own.
    pub(crate) async fn new() -> Self {
        let alone = ALONE.lock().await;
        let options = ControlPlaneOptions {
            manifests: vec![path("crds"), path("operator/tests/data")],
            apiserver_flags: vec![
                "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".to_owned(),
            ],
        };
        let access = shared(&options).await.unwrap();
        let kubeconfig = Kubeconfig::read_from(&access.kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        let client = Client::try_from(config).unwrap();
        let namespace = namespace(&client).await;
        Self {
            client,
            access,
            namespace,
            _alone: alone,
        }
    }

    pub(crate) async fn another_namespace(&mut self) {
        self.namespace = namespace(&self.client).await;
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.api_resource())
    }

    /// Applies what a file of `examples/` has. Returns the platform's name.
    pub(crate) async fn apply_example(&self, example: &str) -> String {
        let file = path("examples").join(example).with_extension("yaml");
        let text = std::fs::read_to_string(file).unwrap();
        let mut platform = None;
        for document in serde_yaml::Deserializer::from_str(&text) {
            let mut object = Value::deserialize(document).unwrap();
            object["metadata"]["namespace"] = json!(self.namespace);
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            let types = object.types.clone().unwrap();
            if types.kind == "Namespace" {
                continue;
            }
            let kind = GroupVersionKind::try_from(&types).unwrap();
            let api = Api::<DynamicObject>::namespaced_with(
                self.client.clone(),
                &self.namespace,
                &ApiResource::from_gvk(&kind),
            );
            api.patch(&object.name_any(), &by_a_person(), &Patch::Apply(&object))
                .await
                .unwrap();
            if types.kind == "ShopPlatform" {
                platform = Some(object.name_any());
            }
        }
        platform.unwrap()
    }

    /// Applies a platform.
    pub(crate) async fn apply(&self, name: &str, spec: &Value) {
        let platform = json!({
            "apiVersion": "shopplatform.io/v1alpha1",
            "kind": "ShopPlatform",
            "metadata": {"name": name},
            "spec": spec,
        });
        self.platforms()
            .patch(name, &by_a_person(), &Patch::Apply(platform))
            .await
            .unwrap();
    }

    pub(crate) fn platforms(&self) -> Api<ShopPlatform> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until a platform's status is as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&ShopPlatformStatus) -> bool,
    ) -> ShopPlatformStatus {
        let platforms = self.platforms();
        wait::until(what, || async {
            let status = platforms.get(name).await?.status;
            Ok(status.filter(&is_so))
        })
        .await
        .unwrap()
    }

    /// Plays CloudNativePG, which is not here: every server of its `Cluster` is ready.
    pub(crate) async fn play_cloud_native_pg(&self, cluster: &str) {
        let clusters = self.api(Kind::CloudNativePgCluster);
        let found = wait::until("a Cluster", || async {
            Ok(clusters.get_opt(cluster).await?)
        });
        let found = found.await.unwrap();
        let status = json!({"status": {"readyInstances": found.data["spec"]["instances"]}});
        clusters
            .patch_status(cluster, &PatchParams::default(), &Patch::Merge(status))
            .await
            .unwrap();
    }
}

pub(crate) fn by_a_person() -> PatchParams {
    PatchParams::apply("person").force()
}

async fn namespace(client: &Client) -> String {
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
    created.name_any()
}

impl Plane {
    /// Removes the lease of an operator that did not give it back.
    pub(crate) async fn free_the_lease(&self) {
        let leases = Api::<Lease>::namespaced(self.client.clone(), HOME);
        match leases
            .delete(operator::rights::NAME, &DeleteParams::default())
            .await
        {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other.unwrap()),
        }
    }
}
