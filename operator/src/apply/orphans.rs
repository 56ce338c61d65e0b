//! Children that are not wanted any more.

use std::collections::BTreeSet;

use kube::api::{DeleteParams, ListParams, Preconditions, PropagationPolicy};

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};
use crate::credentials::generation_of;
use crate::names::PLATFORM_LABEL;
use crate::observed::{Observed, PlatformKey, State, Uid, View};

impl Pass<'_> {
    /// Children that are not `wanted` and may go, see [`Self::may_delete`]. Settings, passwords and Jobs that are done are kept during a rollout: pods of the older form may be begun anew, and the rollout may be taken
    /// back, for which an older release's migration need not run again. Settings and passwords go when all Jobs have ended, one of
    /// which may lock a user out, and in a later pass than what uses them: a workload without its Secret has lost it.
    pub(super) fn unwanted(&self, wanted: &BTreeSet<&ChildKey>) -> BTreeSet<ChildKey> {
        let unwanted = || {
            let children = self.view.children.iter();
            children
                .filter(|(key, observed)| !wanted.contains(key) && self.may_delete(key, observed))
        };
        let is_used = |kind: Kind| matches!(kind, Kind::ConfigMap | Kind::Secret);
        let uses = |kind: Kind| matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::Job);
        let keeps_used = self.is_in_motion(wanted) || unwanted().any(|(key, _)| uses(key.kind));
        let keeps_jobs = self.keeps_jobs || is_rolling_out(&self.view_now());
        unwanted()
            .filter(|(key, observed)| {
                let is_kept =
                    (keeps_used && is_used(key.kind)) || (keeps_jobs && key.kind == Kind::Job);
                !observed.deleting && !is_kept
            })
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Whether data stay when it is deleted, and it is ours. Disks and what has disks of its own are never deleted: data is lost by a
    /// person's hand only. What has no owner was left by a platform of the same name, or somebody put our label on it: of that only
    /// passwords of a generation are for us to delete.
    fn may_delete(&self, key: &ChildKey, observed: &Observed) -> bool {
        let holds_data = matches!(
            key.kind,
            Kind::PersistentVolumeClaim | Kind::CloudNativePgCluster
        );
        let is_ours = match observed.controller {
            Some(uid) => uid == Uid::of(&self.owner.uid),
            None => {
                key.kind == Kind::Secret
                    && !observed.has_owner
                    && key.name.starts_with(&format!("{}-", self.owner.name))
                    && generation_of(&key.name).is_some()
            }
        };
        !holds_data && is_ours
    }

    /// Children that are not `wanted` and go whatever else fails or waits: autoscalers of Deployments that have a number of ours,
    /// for they would set another one again and again; policies of the network if there are to be none, for one of them may be what
    /// all waits for; what exposes the gateway, if nothing failed that may be to take its place.
    pub(super) fn unwanted_at_once(
        &self,
        wanted: &BTreeSet<&ChildKey>,
        children: &[Child],
        outcome: &Outcome,
    ) -> BTreeSet<ChildKey> {
        let view = self.view_now();
        let has_our_number = |name: &str| {
            let deployment = children.iter().find(|child| {
                child.key.kind == Kind::Deployment
                    && child.key.name == name
                    && child.object.pointer("/spec/replicas").is_some()
            });
            deployment.is_some_and(|built| {
                let known = view.children.get(&built.key);
                known.is_some_and(|known| known.is_built_as(built))
            })
        };
        let has_policies = wanted.iter().any(|key| key.kind == Kind::NetworkPolicy);
        let unwanted = view.children.iter().filter(|(key, observed)| {
            !wanted.contains(key) && !observed.deleting && self.may_delete(key, observed)
        });
        let at_once = unwanted.filter(|(key, _)| match key.kind {
            Kind::HorizontalPodAutoscaler => has_our_number(&key.name),
            Kind::NetworkPolicy => !has_policies,
            Kind::Ingress | Kind::HttpRoute => outcome.failures.is_empty(),
            _ => false,
        });
        at_once.map(|(key, _)| key.clone()).collect()
    }

    /// Jobs that are still at work on what is not wanted any more: beside those of the newest form they would undo their work, or
    /// lock out who has a new password by then. While what failed is gone back from they are kept, for what they tell.
    pub(super) fn superseded(&self, wanted: &BTreeSet<&ChildKey>) -> BTreeSet<ChildKey> {
        let mut jobs = wanted.iter().filter(|key| key.kind == Kind::Job);
        let makes_one = jobs.any(|job| !self.view.children.contains_key(*job));
        if !makes_one || self.keeps_jobs || self.turn_of.is_some() {
            return BTreeSet::new();
        }
        let at_work = self.view.children.iter().filter(|(key, observed)| {
            let is_at_work = matches!(
                observed.state,
                State::Job {
                    complete: false,
                    failed: None
                }
            );
            is_at_work
                && !wanted.contains(key)
                && !observed.deleting
                && self.may_delete(key, observed)
        });
        at_work.map(|(key, _)| key.clone()).collect()
    }

    /// Deletes children, each only as the fresh list has it.
    pub(super) async fn delete_unwanted(
        &mut self,
        unwanted: &BTreeSet<ChildKey>,
        outcome: &mut Outcome,
    ) {
        let kinds: BTreeSet<Kind> = unwanted.iter().map(|key| key.kind).collect();
        for kind in kinds {
            let selector = format!("{PLATFORM_LABEL}={}", self.owner.name);
            match self
                .api(kind)
                .list_metadata(&ListParams::default().labels(&selector))
                .await
            {
                Ok(list) => {
                    for object in list.items {
                        let name = object.metadata.name.clone().unwrap_or_default();
                        let key = ChildKey { kind, name };
                        if unwanted.contains(&key) {
                            self.delete(
                                &key,
                                object.metadata.uid,
                                object.metadata.resource_version,
                                outcome,
                            )
                            .await;
                        }
                    }
                }
                Err(error) => {
                    let key = ChildKey {
                        kind,
                        name: "(all)".to_owned(),
                    };
                    outcome.failures.push((key, Failure::of(error)));
                }
            }
        }
    }

    /// As of now, after this pass's own writes.
    fn view_now(&self) -> View {
        let platform = PlatformKey {
            namespace: self.owner.namespace.clone(),
            name: self.owner.name.clone(),
        };
        self.cluster.view(&platform)
    }

    fn is_in_motion(&self, wanted: &BTreeSet<&ChildKey>) -> bool {
        let view = self.view_now();
        view.children.iter().any(|(key, child)| {
            let is_busy = matches!(
                child.state,
                State::Job {
                    complete: false,
                    ..
                }
            );
            child.state.is_rolling_out() || (is_busy && wanted.contains(key))
        })
    }

    async fn delete(
        &mut self,
        key: &ChildKey,
        uid: Option<String>,
        resource_version: Option<String>,
        outcome: &mut Outcome,
    ) {
        // What is at work changes all the time, and is the same for as long as it has its name.
        let resource_version = resource_version.filter(|_| key.kind != Kind::Job);
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions {
                uid,
                resource_version,
            }),
            ..DeleteParams::default()
        };
        match self.api(key.kind).delete(&key.name, &parameters).await {
            Ok(_) => outcome.writes += 1,
            // Gone, or changed since the list: the next pass looks again.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
            Err(error) => outcome.failures.push((key.clone(), Failure::of(error))),
        }
    }
}

fn is_rolling_out(view: &View) -> bool {
    let mut children = view.children.values();
    children.any(|child| child.state.is_rolling_out())
}
