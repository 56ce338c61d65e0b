//! A namespace of a test's own, with an operator that is patient for seconds only.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use contracts::SystemClock;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, Client, Config};
use operator::child::Kind;
use operator::controller::{self, Context};
use operator::resource::{Phase, ShopPlatform, ShopPlatformStatus};
use operator::validate::Defaults;
use serde_json::{Value, json};
use testkit::wait;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::cluster;

/// How long a platform may take where other tests and builds have the processors.
const PATIENCE: Duration = Duration::from_mins(4);
/// How long a rollout may make no progress: enough for a played pod on a busy machine.
pub(crate) const PROGRESS_DEADLINE_S: i32 = 20;

static OPERATOR: OnceCell<()> = OnceCell::const_new();

/// What the operator of these tests knows.
pub(crate) fn defaults() -> Defaults {
    Defaults {
        progress_deadline_s: PROGRESS_DEADLINE_S,
        ..Defaults::new(None)
    }
}

/// Runs an operator on a thread and a runtime of its own until `end`.
pub(crate) fn run(config: Config, defaults: Defaults, end: CancellationToken) -> JoinHandle<()> {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            // A client ends with the runtime that it was made on.
            let client = Client::try_from(config).unwrap();
            let name = "test-operator".to_owned();
            let context = Context::new(client.clone(), defaults, name, Arc::new(SystemClock));
            controller::run(client, Arc::new(context), end).await;
        });
    };
    std::thread::Builder::new()
        .name("operator".to_owned())
        .spawn(run)
        .unwrap()
}

pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl World {
    /// With the operator of this process.
    pub(crate) async fn new() -> Self {
        let client = cluster::client().await;
        OPERATOR
            .get_or_init(|| async {
                run(
                    cluster::config().await,
                    defaults(),
                    CancellationToken::new(),
                );
            })
            .await;
        Self::at(client).await
    }

    /// Where who calls runs the operators.
    pub(crate) async fn at(client: Client) -> Self {
        let namespace = cluster::namespace(&client).await;
        Self { client, namespace }
    }

    pub(crate) fn platforms(&self) -> Api<ShopPlatform> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &kind.api_resource())
    }

    /// Applies the platform with this spec, as a person does.
    pub(crate) async fn apply(&self, name: &str, spec: &Value) {
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
            .unwrap();
    }

    /// Merges a patch into an object, as a person does.
    pub(crate) async fn change(&self, kind: Kind, name: &str, patch: &Value) {
        self.api(kind)
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
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

    /// Ready, and the release that is good kept.
    pub(crate) async fn until_good(&self, name: &str) -> ShopPlatformStatus {
        let what = format!("{name} to be ready and its release kept");
        self.until(name, &what, |status| {
            status.phase == Phase::Ready && status.last_good.is_some()
        })
        .await
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

    /// Ends it with everything in it; nobody waits for that.
    pub(crate) async fn delete(self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .unwrap();
    }
}

/// The image of a Deployment.
pub(crate) fn image(deployment: &Value) -> &str {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .unwrap()
}

/// Status, reason and message of a condition.
pub(crate) fn condition<'s>(
    status: &'s ShopPlatformStatus,
    name: &str,
) -> (&'s str, &'s str, &'s str) {
    let mut conditions = status.conditions.iter();
    let condition = conditions
        .find(|condition| condition.type_ == name)
        .unwrap_or_else(|| panic!("no condition {name} in {status:#?}"));
    (&condition.status, &condition.reason, &condition.message)
}
