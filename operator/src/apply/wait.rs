//! What is not written yet, because something else comes first.

use super::Pass;
use crate::child::{Child, ChildKey, Kind, Writing};
use crate::observed::{Observed, PlatformKey, State, View};

/// What a child waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// That a Job of this name has finished.
    Job(String),
    /// That a Deployment of this name is rolled out.
    Rollout(String),
    /// That it is this platform's turn: after an upgrade of the operator, platforms are rolled out one at a time.
    Turn(PlatformKey),
}

/// Whether writing these children would replace pods.
#[must_use]
pub fn would_roll(children: &[Child], view: &View) -> bool {
    children.iter().any(|child| {
        let known = view.children.get(&child.key);
        known.is_some_and(|known| replaces_pods(child, known))
    })
}

fn replaces_pods(child: &Child, known: &Observed) -> bool {
    match child.key.kind {
        Kind::Deployment => !known.has_pods_of(child),
        Kind::StatefulSet | Kind::CloudNativePgCluster => !known.is_built_as(child),
        _ => false,
    }
}

impl Pass<'_> {
    /// What a child waits for, if it does.
    pub(super) fn waits_for(&self, child: &Child, children: &[Child]) -> Option<Wait> {
        let known = self.view.children.get(&child.key);
        if let Some(platform) = self.turn_of {
            let is_rolled = match known {
                Some(known) => replaces_pods(child, known),
                None => child.key.kind == Kind::Job,
            };
            if is_rolled {
                return Some(Wait::Turn(platform.clone()));
            }
        }
        let Writing::After(others) = &child.writing else {
            return None;
        };
        let waited_for = others.iter().find(|other| match other.kind {
            Kind::Job => !self.is_complete(other),
            _ => {
                known.is_some_and(|known| !known.has_pods_of(child))
                    && !self.is_rolled_out(other, children)
            }
        })?;
        Some(match waited_for.kind {
            Kind::Job => Wait::Job(waited_for.name.clone()),
            _ => Wait::Rollout(waited_for.name.clone()),
        })
    }

    /// Whether a child that waits is not written at all. One whose pods stay as they are is: a number of replicas need not wait,
    /// unless there are none. One that wakes may have been given another form asleep.
    pub(super) fn is_held_back(&self, child: &Child) -> bool {
        let known = self.view.children.get(&child.key);
        !known.is_some_and(|known| known.has_pods_of(child) && known.state.wants_replicas())
    }

    fn is_complete(&self, job: &ChildKey) -> bool {
        matches!(
            self.view.children.get(job).map(|job| &job.state),
            Some(State::Job { complete: true, .. })
        )
    }

    /// Whether a Deployment is rolled out as it is built now.
    fn is_rolled_out(&self, deployment: &ChildKey, children: &[Child]) -> bool {
        let built = children.iter().find(|child| child.key == *deployment);
        let known = self.view.children.get(deployment);
        built
            .zip(known)
            .is_some_and(|(built, known)| known.is_built_as(built) && known.state.is_rolled_out())
    }
}
