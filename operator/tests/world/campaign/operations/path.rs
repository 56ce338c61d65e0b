//! One platform is changed again and again.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::Api;
use kube::api::PostParams;
use operator::child::Kind;
use operator::resource::{Phase, ShopPlatformStatus};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::super::LATE;
use super::mutation::{Mutation, Mutations};
use crate::harness::{Operator, PATIENCE, World, differences};
use crate::life_cycle::without_revisions;

/// How many changes a path has.
const STEPS: usize = 20;
/// How many pods there may be: a thousand replicas are refused by this, not made.
const PODS: &str = "60";
/// A status that is not Ready and says the same for so long is what there is to say.
const SETTLED: Duration = Duration::from_secs(3);

/// What came of a path.
#[derive(Default)]
pub(super) struct Told {
    pub(super) steps: usize,
    pub(super) refused: usize,
    pub(super) ready: usize,
    pub(super) wrong: usize,
    pub(super) failures: Vec<String>,
}

struct Path {
    world: World,
    operator: Operator,
    /// The last spec that was carried out, and what it led to.
    good: Value,
    children: Vec<Value>,
}

/// Walks a path to its end or to the first thing that is wrong.
pub(super) async fn walk(mutations: &Mutations, mut generator: StdRng) -> Told {
    let mut told = Told::default();
    let mut changes = Vec::new();
    let walked = AssertUnwindSafe(steps(mutations, &mut generator, &mut told, &mut changes));
    let failure = match walked.catch_unwind().await {
        Ok(Ok(())) => return told,
        Ok(Err(failure)) => failure,
        Err(panic) => match panic.downcast_ref::<String>() {
            Some(message) => message.clone(),
            None => "a panic".to_owned(),
        },
    };
    let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
    told.failures
        .push(format!("{failure}\nafter\n  {}", changes.join("\n  ")));
    told
}

async fn steps(
    mutations: &Mutations,
    generator: &mut StdRng,
    told: &mut Told,
    changes: &mut Vec<Value>,
) -> Result<(), String> {
    let mut path = Path::begin().await;
    for _ in 0..STEPS {
        let Mutation { patch, mistake } = mutations.draw(generator);
        told.steps += 1;
        let mut spec = path.good.clone();
        merge(&mut spec, &patch);
        if path.world.try_to_apply("demo", &spec).await.is_err() {
            told.refused += 1;
            continue;
        }
        changes.push(patch);
        // Now and then before the one before is carried out.
        let mut mistakes: Vec<_> = mistake.into_iter().collect();
        if generator.random_bool(0.2) {
            let next = mutations.draw(generator);
            told.steps += 1;
            let mut both = spec.clone();
            merge(&mut both, &next.patch);
            if path.world.try_to_apply("demo", &both).await.is_ok() {
                changes.push(next.patch);
                // The second one may undo the first.
                mistakes.clear();
                spec = both;
            } else {
                told.refused += 1;
            }
        }
        let status = path.settled(mistakes.first().copied()).await?;
        if status.phase == Phase::Ready {
            told.ready += 1;
            path.children = path.canonical().await;
            path.good = spec;
            continue;
        }
        told.wrong += 1;
        is_precise(&status, mistakes.first().copied())?;
        if path.world.try_to_apply("demo", &path.good).await.is_err() {
            // A larger disk or more members: there is no way back to fewer.
            break;
        }
        path.world.until_at_rest("demo", &path.operator.tap).await;
        path.until_same("the way back leads elsewhere", &path.children)
            .await?;
    }
    path.end().await
}

impl Path {
    async fn begin() -> Self {
        let world = World::new().await;
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": {"name": "pods"},
            "spec": {"hard": {"pods": PODS}},
        }))
        .unwrap();
        let quotas = Api::namespaced(world.client.clone(), &world.namespace);
        quotas.create(&PostParams::default(), &quota).await.unwrap();
        let operator = Operator::start(&world);
        world.apply("demo", &json!({})).await;
        world.until_at_rest("demo", &operator.tap).await;
        let mut path = Self {
            world,
            operator,
            good: json!({}),
            children: Vec::new(),
        };
        path.children = path.canonical().await;
        path
    }

    /// What its last good spec leads to if there was nothing before.
    async fn end(self) -> Result<(), String> {
        // There may be no way back, or a rest is not reached yet.
        let is_good = self.world.try_to_apply("demo", &self.good).await.is_ok();
        let mut result = Ok(());
        if is_good {
            self.world.until_at_rest("demo", &self.operator.tap).await;
            let fresh = World::new().await;
            let operator = Operator::start(&fresh);
            fresh.apply("demo", &self.good).await;
            fresh.until_at_rest("demo", &operator.tap).await;
            let expected = comparable(fresh.canonical("demo").await);
            result = self
                .until_same("one that is made anew is different", &expected)
                .await;
            operator.stop().await;
            fresh.delete().await;
        }
        // Panics if the operator did.
        self.operator.stop().await;
        self.world.delete().await;
        result.map_err(|difference| format!("{difference}\nspec: {}", self.good))
    }

    async fn canonical(&self) -> Vec<Value> {
        comparable(self.world.canonical("demo").await)
    }

    /// What still differs after a while: what is not wanted any more goes when all else is done, and where others have the
    /// processors that may be late.
    async fn until_same(&self, what: &str, expected: &[Value]) -> Result<(), String> {
        let deadline = Instant::now() + LATE;
        loop {
            let differences = differences(expected, &self.canonical().await);
            if differences.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(format!("{what}:\n{}", differences.join("\n")));
            }
            self.world.until_at_rest("demo", &self.operator.tap).await;
        }
    }

    /// Until it is ready, or says what is wrong.
    async fn settled(&self, mistake: Option<&str>) -> Result<ShopPlatformStatus, String> {
        let mut last = (None::<ShopPlatformStatus>, Instant::now());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let platform = self
                .world
                .platforms()
                .get("demo")
                .await
                .map_err(|error| error.to_string())?;
            let status = platform.status.clone().unwrap_or_default();
            let is_new = Some(status.observed_generation) == platform.metadata.generation;
            if last.0.as_ref() != Some(&status) {
                last = (Some(status.clone()), Instant::now());
            }
            let is_told = match (mistake, status.phase) {
                (None, Phase::Ready) => true,
                (Some(named), _) => {
                    status.phase != Phase::Ready
                        && status
                            .message
                            .as_ref()
                            .is_some_and(|message| message.contains(named))
                }
                (None, _) => last.1.elapsed() >= SETTLED,
            };
            if is_new && is_told {
                if status.phase == Phase::Ready {
                    return Ok(self.world.until_at_rest("demo", &self.operator.tap).await);
                }
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "no verdict (it should name {mistake:?}) in {}: {last:#?}",
                    self.world.namespace
                ));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A status that is not Ready says why.
fn is_precise(status: &ShopPlatformStatus, mistake: Option<&str>) -> Result<(), String> {
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready");
    let (holds, reason) = ready.map_or(("", ""), |ready| {
        (ready.status.as_str(), ready.reason.as_str())
    });
    let message = status.message.as_deref().unwrap_or_default();
    if holds != "False" || reason.is_empty() || reason == "AsSpecified" || message.is_empty() {
        return Err(format!("it is not told what is wrong: {status:#?}"));
    }
    match mistake {
        Some(named) if !message.contains(named) => {
            Err(format!("`{message}` does not name {named}"))
        }
        _ => Ok(()),
    }
}

/// Without what depends on the way: how many forms a Deployment had, and how many replicas an autoscaler found.
fn comparable(children: Vec<Value>) -> Vec<Value> {
    let mut children = without_revisions(children);
    let scaled: Vec<_> = children
        .iter()
        .filter(|child| child["kind"] == Kind::HorizontalPodAutoscaler.api_resource().kind)
        .map(|child| child["spec"]["scaleTargetRef"]["name"].clone())
        .collect();
    for child in &mut children {
        if child["kind"] == "Deployment"
            && scaled.contains(&child["metadata"]["name"])
            && let Some(spec) = child["spec"].as_object_mut()
        {
            spec.remove("replicas");
        }
    }
    children.sort_by_cached_key(ToString::to_string);
    children
}

/// RFC 7396.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name.as_str()], value);
        }
    }
}
