//! Children that are not wanted any more.

use std::collections::BTreeSet;

use kube::api::{DeleteParams, ListParams, Preconditions, PropagationPolicy};

use super::{Failure, Outcome, Pass};
use crate::child::{Child, ChildKey, Kind};
use crate::names::PLATFORM_LABEL;
use crate::observed::{PlatformKey, State, View};

impl Pass<'_> {
    /// Children that are not `wanted` and may go. Disks are never deleted: data is lost by a person's hand only. Settings, passwords
    /// and Jobs that are done are kept during a rollout: pods of the older form may be begun anew, and the rollout may be taken
    /// back, for which an older release's migration need not run again. Settings and passwords go when all Jobs have ended, one of
    /// which may lock a user out, and in a later pass than what uses them: a workload without its Secret has lost it.
    pub(super) fn unwanted(&self, wanted: &BTreeSet<&ChildKey>) -> BTreeSet<ChildKey> {
        let unwanted = || {
            let children = self.view.children.iter();
            children
                .filter(|(key, _)| !wanted.contains(key) && key.kind != Kind::PersistentVolumeClaim)
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

    /// Autoscalers that are not `wanted`, of Deployments that have a number of ours: they go whatever else fails or waits, for they
    /// would set another number again and again.
    pub(super) fn rivals(
        &self,
        wanted: &BTreeSet<&ChildKey>,
        children: &[Child],
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
        let autoscalers = view.children.iter().filter(|(key, observed)| {
            key.kind == Kind::HorizontalPodAutoscaler
                && !wanted.contains(key)
                && !observed.deleting
                && has_our_number(&key.name)
        });
        autoscalers.map(|(key, _)| key.clone()).collect()
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
