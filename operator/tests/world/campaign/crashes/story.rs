//! The life of a platform in steps, each of which ends at rest.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use operator::names::ROTATE_CREDENTIALS;
use operator::resource::{Phase, ShopPlatformStatus};
use serde_json::{Value, json};
use testkit::wait;
use tokio::time::Instant;

use super::super::LATE;
use super::plan::{Plan, Write, write};
use crate::harness::{Fault, Operator, PATIENCE, Tap, World, differences};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Create,
    /// More replicas, which brings a disruption budget, an autoscaler, and more members, which brings disks.
    Scale,
    /// A larger disk.
    Grow,
    /// Other images, so other Jobs, and fewer replicas.
    Upgrade,
    /// Other passwords and keys, because a person asks for them.
    Rotate,
    /// Everything is to go with the platform.
    GiveUp,
}

impl Step {
    pub(super) const ALL: [Self; 6] = [
        Self::Create,
        Self::Scale,
        Self::Grow,
        Self::Upgrade,
        Self::Rotate,
        Self::GiveUp,
    ];

    fn spec(self) -> Value {
        let mut spec = json!({});
        if self >= Self::Scale {
            spec["services"] = json!({
                "order": {"replicas": 2},
                "product": {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}},
            });
            spec["mongodb"] = json!({"managed": {"members": 3}});
        }
        if self >= Self::Grow {
            spec["postgres"] = json!({"managed": {"storage": {"size": "20Gi"}}});
        }
        if self >= Self::Upgrade {
            spec["services"] = json!({"order": {"replicas": 1}});
            spec["images"] = json!({"tag": "0.1.0-7"});
        }
        if self >= Self::GiveUp {
            spec["deletionPolicy"] = json!("Delete");
        }
        spec
    }

    async fn begin(self, world: &World) {
        if self == Self::Rotate {
            let asked = json!({"metadata": {"annotations": {ROTATE_CREDENTIALS: "now"}}});
            world.change("demo", &asked).await;
        } else {
            world.apply("demo", &self.spec()).await;
        }
    }

    /// Whether what a status tells may be the end of it, if it is about the newest spec.
    fn may_be_over(self, status: &ShopPlatformStatus) -> bool {
        let rotated = status
            .credentials
            .as_ref()
            .is_some_and(|credentials| credentials.generation > 1 && !credentials.rotating);
        status.phase == Phase::Ready && (self < Self::Rotate || rotated)
    }
}

/// How a step ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    children: Vec<Value>,
    /// How often each was created and deleted.
    counts: BTreeMap<Write, usize>,
    status: Value,
    writes: BTreeMap<Write, usize>,
}

/// A life without faults.
pub(super) struct Story(BTreeMap<Step, Ended>);

/// What came of one with faults.
pub(super) struct Told {
    pub(super) run: usize,
    pub(super) struck: usize,
    pub(super) failures: Vec<String>,
}

impl Story {
    pub(super) async fn without_faults() -> Self {
        let world = World::new().await;
        let operator = Operator::start(&world);
        let mut story = BTreeMap::new();
        for step in Step::ALL {
            story.insert(step, carried_out(&world, &operator.tap, step, None).await);
        }
        the_end(&world).await.unwrap();
        operator.stop().await;
        world.delete().await;
        Self(story)
    }

    pub(super) fn ended(&self, step: Step) -> &Ended {
        &self.0[&step]
    }

    /// Every write that there was, and how often.
    pub(super) fn writes(&self, step: Step) -> &BTreeMap<Write, usize> {
        &self.0[&step].writes
    }

    /// The same life, in which one write of each step goes wrong as is planned.
    pub(super) async fn with_faults(good: &Self, plans: [Option<Plan>; Step::ALL.len()]) -> Told {
        let world = World::new().await;
        let operator = Operator::start(&world);
        let mut told = Told {
            run: 0,
            struck: 0,
            failures: Vec::new(),
        };
        let steps = plans.clone();
        for (step, plan) in Step::ALL.into_iter().zip(plans) {
            let mark = operator.tap.mark();
            let carried_out = carried_out(&world, &operator.tap, step, plan.as_ref());
            let Ok(ended) = AssertUnwindSafe(carried_out).catch_unwind().await else {
                let failure = format!(
                    "{step:?}, {plan:?}: does not come to rest in {}",
                    world.namespace
                );
                told.failures.push(failure);
                return told;
            };
            if let Some(plan) = plan {
                told.run += 1;
                told.struck += operator.tap.heal().min(1);
                let differences = good
                    .until_same(step, ended, &world, &operator.tap, mark)
                    .await;
                if !differences.is_empty() {
                    told.failures
                        .push(format!("{step:?}, {plan:?}: {}", differences.join("\n")));
                    // The last step, after which nothing is left, may be still to come.
                    return told;
                }
            }
        }
        if let Err(left) = the_end(&world).await {
            told.failures.push(format!("after {steps:?}: {left}"));
        }
        operator.stop().await;
        world.delete().await;
        told
    }

    /// What still differs after a while: where others have the processors a Job, and what waits for its end, may be late.
    async fn until_same(
        &self,
        step: Step,
        mut ended: Ended,
        world: &World,
        tap: &Tap,
        mark: usize,
    ) -> Vec<String> {
        let deadline = Instant::now() + LATE;
        loop {
            let differences = self.differences(step, &ended);
            if differences.is_empty() || Instant::now() >= deadline {
                return differences;
            }
            let status = world.until_at_rest("demo", tap).await;
            ended = Ended::at_rest(world, tap, mark, &status).await;
        }
    }

    /// What differs from how this step ends.
    pub(super) fn differences(&self, step: Step, ended: &Ended) -> Vec<String> {
        let good = &self.0[&step];
        let mut differences = differences(&good.children, &ended.children);
        for key in good.counts.keys().chain(ended.counts.keys()) {
            let (expected, found) = (good.counts.get(key), ended.counts.get(key));
            if expected != found {
                differences.push(format!("  {key:?}: {found:?} times, not {expected:?}"));
            }
        }
        if good.status != ended.status {
            differences.push(format!(
                "  the status {}, not {}",
                ended.status, good.status
            ));
        }
        differences
    }
}

async fn carried_out(world: &World, tap: &Tap, step: Step, plan: Option<&Plan>) -> Ended {
    let mark = tap.mark();
    if let Some(plan) = plan {
        plan.strike(tap);
    }
    step.begin(world).await;
    if plan.is_some_and(|plan| plan.fault == Fault::Stale) {
        stand_still(world, tap, step).await;
    }
    world
        .until("demo", "the step to be over", |status| {
            step.may_be_over(status)
        })
        .await;
    let status = world.until_at_rest("demo", tap).await;
    Ended::at_rest(world, tap, mark, &status).await
}

impl Ended {
    async fn at_rest(world: &World, tap: &Tap, mark: usize, status: &ShopPlatformStatus) -> Self {
        let mut writes = BTreeMap::new();
        for asked in tap.writes_since(mark) {
            *writes.entry(write(&asked)).or_default() += 1;
        }
        Self {
            children: world.canonical("demo").await,
            counts: tap.created_and_deleted_since(mark),
            status: told(status),
            writes,
        }
    }
}

/// Once watches bring nothing any more the operator is reminded of the platform, and works with what it knew; then they go on.
async fn stand_still(world: &World, tap: &Tap, step: Step) {
    wait::until_within(PATIENCE, "the watches to be held", || async {
        // Not as soon as the request is struck: they are held with its answer, and would be for ever if that came after they are to
        // go on.
        if tap.holds_watches() {
            return Ok(Some(()));
        }
        let platform = world.platforms().get("demo").await?;
        let status = platform.status.unwrap_or_default();
        let is_over = step.may_be_over(&status)
            && Some(status.observed_generation) == platform.metadata.generation;
        Ok(is_over.then_some(()))
    })
    .await
    .unwrap();
    for reminder in ["once", "twice", "thrice"] {
        world.touch("demo", reminder).await;
        world.until_quiet(tap).await;
    }
    // What is held back goes on; what was planned stays planned.
    tap.release_watches();
}

/// Without times and digests.
fn told(status: &ShopPlatformStatus) -> Value {
    let conditions: Vec<_> = status
        .conditions
        .iter()
        .map(|condition| json!([condition.type_, condition.status, condition.reason]))
        .collect();
    json!({
        "phase": status.phase,
        "ready": status.ready,
        "conditions": conditions,
        "components": status.components,
        "credentials": status.credentials.as_ref().map(|credentials| credentials.generation),
    })
}

/// The platform is deleted, and nothing is left of it.
async fn the_end(world: &World) -> Result<(), String> {
    world.delete_platform("demo").await;
    let gone = wait::until_within(PATIENCE, "everything to be gone", || async {
        Ok(world.children("demo").await.is_empty().then_some(()))
    });
    let Err(error) = gone.await else {
        return Ok(());
    };
    let left = world.children("demo").await;
    let left: Vec<_> = left
        .into_iter()
        .map(|(key, object)| format!("{key}: {}", json!(object.metadata)))
        .collect();
    Err(format!("{error}; left:\n  {}", left.join("\n  ")))
}
