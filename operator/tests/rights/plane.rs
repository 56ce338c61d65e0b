//! The control plane of these tests. Operators here work in all namespaces, so one works at a time.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use operator::child::Kind;
use operator::resource::{ShopPlatform, ShopPlatformStatus};
use serde_json::{Value, json};
use testkit::kubernetes::{Access, ControlPlaneOptions, shared};
use testkit::wait;
use tokio::sync::{Mutex, MutexGuard};

use crate::access::{config_of, namespace, path};
use crate::{cloud_native_pg, manifests};

/// The namespace of all operators.
pub(crate) const HOME: &str = "default";

/// How long what an operator does may take where other tests and builds have the processors.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);

static ALONE: Mutex<()> = Mutex::const_new(());

/// Where one test works.
pub(crate) struct Plane {
    pub(crate) client: Client,
    pub(crate) access: &'static Access,
    pub(crate) namespace: String,
    _alone: MutexGuard<'static, ()>,
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
        let client = Client::try_from(config_of(access).await).unwrap();
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
        let platform = manifests::apply(&self.client, &file, Some(&self.namespace)).await;
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
        wait::until_within(PATIENCE, what, || async {
            let status = platforms.get(name).await?.status;
            Ok(status.filter(&is_so))
        })
        .await
        .unwrap()
    }

    pub(crate) async fn play_cloud_native_pg(&self, cluster: &str) {
        cloud_native_pg::play(&self.api(Kind::CloudNativePgCluster), cluster).await;
    }
}

pub(crate) fn by_a_person() -> PatchParams {
    PatchParams::apply("person").force()
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
