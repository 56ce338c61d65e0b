//! A namespace of a test's own, as a person sees it who may do everything.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ResourceQuota};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, Config, ResourceExt as _};
use operator::child::{ChildKey, Kind};
use operator::names::PLATFORM_LABEL;
use operator::resource::{Phase, ShopPlatform, ShopPlatformStatus};
use serde_json::{Value, json};
use testkit::kubernetes::ControlPlane;
use testkit::wait;
use tokio::time::Instant;

use super::{Tap, canonical, condition};
use crate::{access, cluster, manifests};

/// How long a platform may take where other tests and builds have the processors.
pub(crate) const PATIENCE: Duration = Duration::from_mins(4);
/// How long nothing is asked by an operator that is at rest, at least.
const AT_REST: Duration = Duration::from_millis(400);

/// The versions of children.
type Versions = BTreeMap<ChildKey, String>;

pub(crate) struct World {
    /// How an administrator gets in.
    pub(crate) config: Config,
    /// That administrator.
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(cluster::config().await, cluster::client().await).await
    }

    /// On a control plane of the test's own.
    pub(crate) async fn at(config: Config) -> Self {
        let client = Client::try_from(config.clone()).unwrap();
        Self::with(config, client).await
    }

    /// On a control plane of the test's own that has the API of `CloudNativePG`.
    pub(crate) async fn with_cloud_native_pg() -> (ControlPlane, Self) {
        let mut options = cluster::options();
        options.manifests.push(access::path("operator/tests/data"));
        let plane = ControlPlane::start_with(&options).await.unwrap();
        let world = Self::at(access::config_of(plane.access()).await).await;
        (plane, world)
    }

    async fn with(config: Config, client: Client) -> Self {
        let namespace = access::namespace(&client).await;
        Self {
            config,
            client,
            namespace,
        }
    }

    pub(crate) fn platforms(&self) -> Api<ShopPlatform> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.api_resource())
    }

    /// Applies the platform with this spec, as a person does.
    pub(crate) async fn apply(&self, name: &str, spec: &Value) -> ShopPlatform {
        self.try_to_apply(name, spec).await.unwrap()
    }

    /// The same, or why the API server refuses it.
    pub(crate) async fn try_to_apply(
        &self,
        name: &str,
        spec: &Value,
    ) -> kube::Result<ShopPlatform> {
        let manifest = json!({
            "apiVersion": "shopplatform.io/v1alpha1",
            "kind": "ShopPlatform",
            "metadata": {"name": name},
            "spec": spec,
        });
        let parameters = PatchParams::apply("person").force();
        self.platforms()
            .patch(name, &parameters, &Patch::Apply(manifest))
            .await
    }

    /// Applies one of `examples/`, with its Secrets, in this namespace. Returns the platform's name.
    pub(crate) async fn apply_example(&self, example: &str) -> String {
        let file = access::path("examples")
            .join(example)
            .with_extension("yaml");
        let platform = manifests::apply(&self.client, &file, Some(&self.namespace)).await;
        platform.unwrap()
    }

    /// Sets an annotation on the platform: something changed, and nothing that matters.
    pub(crate) async fn touch(&self, name: &str, with: &str) {
        let patch = json!({"metadata": {"annotations": {"example.com/touched": with}}});
        self.change(name, &patch).await;
    }

    /// Changes the spec, and nothing that it leads to: exactly one status is written for it.
    pub(crate) async fn note(&self, name: &str, days: u32) {
        let patch = json!({"spec": {"credentials": {"rotateAfter": format!("{days}d")}}});
        self.change(name, &patch).await;
        self.until(name, "the change to be told", |_| true).await;
    }

    /// Changes something of the platform, as a merge patch.
    pub(crate) async fn change(&self, name: &str, patch: &Value) -> ShopPlatform {
        self.platforms()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap()
    }

    /// Gives the namespace a quota, `small`, and waits until it counts.
    pub(crate) async fn limit(&self, hard: &Value) {
        let quota = json!({
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "small"},
            "spec": {"hard": hard},
        });
        let quotas = self.quotas();
        let parameters = PatchParams::apply("test");
        quotas
            .patch("small", &parameters, &Patch::Apply(quota))
            .await
            .unwrap();
        wait::until("the quota to count", || async {
            let quota = quotas.get("small").await?;
            Ok(quota.status.and_then(|status| status.used))
        })
        .await
        .unwrap();
    }

    /// Takes the quota away.
    pub(crate) async fn unlimit(&self) {
        let quotas = self.quotas();
        quotas
            .delete("small", &DeleteParams::default())
            .await
            .unwrap();
    }

    fn quotas(&self) -> Api<ResourceQuota> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) async fn delete_platform(&self, name: &str) {
        self.platforms()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Until the status is about the newest spec and as it is asked for.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        is: impl Fn(&ShopPlatformStatus) -> bool,
    ) -> ShopPlatformStatus {
        let last = Mutex::new(None);
        let found = wait::until_within(PATIENCE, what, || async {
            let platform = self.platforms().get(name).await?;
            let generation = platform.metadata.generation.unwrap_or(0);
            last.lock().unwrap().clone_from(&platform.status);
            let told = platform
                .status
                .filter(|status| status.observed_generation == generation && is(status));
            Ok(told)
        })
        .await;
        found.unwrap_or_else(|error| {
            panic!("{error} in {}; the last status: {last:#?}", self.namespace)
        })
    }

    pub(crate) async fn until_phase(&self, name: &str, phase: Phase) -> ShopPlatformStatus {
        let what = format!("{name} to be {phase:?}");
        self.until(name, &what, |status| status.phase == phase)
            .await
    }

    /// Until it is ready, all is written, and its operator asks nothing any more.
    pub(crate) async fn until_at_rest(&self, name: &str, tap: &Tap) -> ShopPlatformStatus {
        self.until_complete(name).await;
        self.until_quiet(tap).await;
        self.until_complete(name).await
    }

    /// Until it is ready, and all is written: what failed may be tried again a while later.
    async fn until_complete(&self, name: &str) -> ShopPlatformStatus {
        let is_complete = |status: &ShopPlatformStatus| {
            status.phase == Phase::Ready && condition(status, "Reconciled").0 == "True"
        };
        let what = format!("{name} to be ready, with all written");
        self.until(name, &what, is_complete).await
    }

    /// Ready, and the release that is good kept.
    pub(crate) async fn until_good(&self, name: &str) -> ShopPlatformStatus {
        let what = format!("{name} to be ready and its release kept");
        self.until(name, &what, |status| {
            status.phase == Phase::Ready && status.last_good.is_some()
        })
        .await
    }

    /// Until an operator asks nothing any more, and no child changes any more. Children are listed again and again meanwhile: that
    /// takes the longer the busier the API server is, as what the operator waits to be told by it does.
    pub(crate) async fn until_quiet(&self, tap: &Tap) {
        let last = Mutex::new(None::<(usize, Versions, Instant)>);
        wait::until_within(PATIENCE, "the operator to be at rest", || async {
            let (mark, versions) = (tap.mark(), self.all_versions().await?);
            let mut last = last.lock().unwrap();
            let since = match &*last {
                Some((before, same, since))
                    if [*before, tap.mark()] == [mark; 2]
                        && *same == versions
                        && !tap.is_asking() =>
                {
                    *since
                }
                _ => Instant::now(),
            };
            *last = Some((mark, versions, since));
            Ok((since.elapsed() >= AT_REST).then_some(()))
        })
        .await
        .unwrap();
    }

    /// The versions of all children of all platforms here.
    async fn all_versions(&self) -> kube::Result<Versions> {
        let ours = ListParams::default().labels(PLATFORM_LABEL);
        let mut versions = Versions::new();
        for kind in Kind::ALL {
            let list = match self.api(kind).list_metadata(&ours).await {
                Err(kube::Error::Api(status)) if !kind.is_built_in() && status.code == 404 => {
                    continue;
                }
                list => list?,
            };
            versions.extend(list.items.into_iter().map(|object| {
                let name = object.name_any();
                let version = object.resource_version().unwrap_or_default();
                (ChildKey { kind, name }, version)
            }));
        }
        Ok(versions)
    }

    /// Until an object is as it is asked for.
    pub(crate) async fn until_is(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let last = Mutex::new(None);
        let found = wait::until_within(PATIENCE, what, || async {
            let object = self.api(kind).get_opt(name).await?;
            let object = object.map(|object| serde_json::to_value(object).unwrap());
            last.lock().unwrap().clone_from(&object);
            Ok(object.filter(|object| is(object)))
        })
        .await;
        found.unwrap_or_else(|error| {
            panic!("{error} in {}; the last {name}: {last:#?}", self.namespace)
        })
    }

    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Value {
        serde_json::to_value(self.api(kind).get(name).await.unwrap()).unwrap()
    }

    /// Merges a patch into an object, as a person does.
    pub(crate) async fn merge(&self, kind: Kind, name: &str, patch: &Value) {
        self.api(kind)
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// All children of a platform that there are, also those that are being deleted.
    pub(crate) async fn children(&self, platform: &str) -> BTreeMap<ChildKey, DynamicObject> {
        let labelled = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
        let mut children = BTreeMap::new();
        for kind in Kind::ALL {
            let list = match self.api(kind).list(&labelled).await {
                Err(kube::Error::Api(status)) if !kind.is_built_in() && status.code == 404 => {
                    continue;
                }
                list => list.unwrap(),
            };
            let resource = kind.api_resource();
            for mut object in list.items {
                object.types.get_or_insert_with(|| kube::core::TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                let name = object.name_any();
                children.insert(ChildKey { kind, name }, object);
            }
        }
        children
    }

    /// All children, without what differs between two platforms that were made in the same way.
    pub(crate) async fn canonical(&self, platform: &str) -> Vec<Value> {
        let children = self.children(platform).await;
        let mut all: Vec<_> = children
            .values()
            .map(|object| canonical::canonical(object, &self.namespace))
            .collect();
        all.sort_by_cached_key(ToString::to_string);
        all
    }

    /// The versions of all children.
    pub(crate) async fn versions(&self, platform: &str) -> Versions {
        let children = self.children(platform).await;
        children
            .into_iter()
            .map(|(key, object)| (key, object.resource_version().unwrap_or_default()))
            .collect()
    }

    /// Ends it with everything in it; nobody waits for that.
    pub(crate) async fn delete(self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .unwrap();
    }
}
