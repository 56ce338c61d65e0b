//! The number of replicas, on its way from us to an autoscaler.
//!
//! A new Deployment begins with as many as its autoscaler will ask for, which looks at it only every now and then.
//!
//! A Deployment that is built without a number would be reset to one by the API server as soon as nobody owns the number any
//! more. So the number that is there is applied under a manager of its own first, and only then is the Deployment applied
//! without it. The autoscaler takes it over when it changes it for the first time: from then on the other manager owns nothing.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};
use crate::names::SCALE_MANAGER;
use crate::observed::State;

impl Pass<'_> {
    /// Deployments that are not there yet and have no number of ours, as they are to be written: with the least that their
    /// autoscaler allows.
    pub(super) fn first_numbers(&self, children: &[Child]) -> BTreeMap<ChildKey, Child> {
        let new = children.iter().filter(|child| {
            child.key.kind == Kind::Deployment
                && child.object.pointer("/spec/replicas").is_none()
                && !self.view.children.contains_key(&child.key)
        });
        new.map(|child| {
            let mut first = child.clone();
            if let Some(spec) = first.object.get_mut("spec") {
                spec["replicas"] = json!(least(&child.key, children));
            }
            (child.key.clone(), first)
        })
        .collect()
    }

    /// Hands over the replicas of those Deployments that are to be applied without a number of them and have one of ours. One for
    /// which that fails is taken out of `applied`.
    pub(super) async fn hand_over_replicas(
        &self,
        applied: &mut Vec<&Child>,
        children: &[Child],
        outcome: &mut Outcome,
    ) {
        let mut failed = BTreeSet::new();
        for child in applied.iter().filter(|child| self.hands_over(child)) {
            let replicas = self.live(&child.key).max(least(&child.key, children));
            let object = json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": child.key.name, "namespace": self.owner.namespace},
                "spec": {"replicas": replicas},
            });
            let parameters = PatchParams::apply(SCALE_MANAGER).force();
            let handed = self
                .api(Kind::Deployment)
                .patch(&child.key.name, &parameters, &Patch::Apply(&object))
                .await;
            match handed {
                Ok(object) => {
                    outcome.writes += 1;
                    self.cluster.answered(Kind::Deployment, &object);
                }
                Err(error) => {
                    failed.insert(child.key.clone());
                    outcome
                        .failures
                        .push((child.key.clone(), Failure::of(error)));
                }
            }
        }
        applied.retain(|child| !failed.contains(&child.key));
    }

    fn hands_over(&self, child: &Child) -> bool {
        let known = self.view.children.get(&child.key);
        child.key.kind == Kind::Deployment
            && child.object.pointer("/spec/replicas").is_none()
            && known.is_some_and(|known| known.owns_replicas)
    }

    /// How many there are to be now.
    fn live(&self, deployment: &ChildKey) -> i32 {
        let known = self.view.children.get(deployment);
        match known.map(|known| &known.state) {
            Some(State::Replicas { desired, .. }) => *desired,
            _ => 0,
        }
    }
}

/// The fewest that a Deployment's autoscaler allows. It leaves a Deployment alone that has none at all, as one that was
/// hibernating has.
fn least(deployment: &ChildKey, children: &[Child]) -> i32 {
    let autoscaler = children.iter().find(|child| {
        child.key.kind == Kind::HorizontalPodAutoscaler && child.key.name == deployment.name
    });
    autoscaler
        .and_then(|autoscaler| autoscaler.object.pointer("/spec/minReplicas"))
        .and_then(Value::as_i64)
        .and_then(|least| i32::try_from(least).ok())
        .unwrap_or(1)
}
