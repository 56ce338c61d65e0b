//! When the services go back to the last good release, and what is told of it.

use super::patience::{Patience, Standing};
use crate::apply::{Outcome, Wait};
use crate::child::{Child, Kind};
use crate::names::{Owner, TRY_AGAIN};
use crate::observed::State;
use crate::release::Attempt;
use crate::resource::{ComponentStatus, LastGood, Refused};

/// The component that will not become what it should without another spec: its rollout made no progress for too long, a Job that
/// it waits for is given up or gets nowhere, or it was rolled out without a pod, asleep, and its pods do not start now.
pub(super) fn failed<'c>(
    children: &[Child],
    outcome: &Outcome,
    patience: Patience<'_>,
    components: &'c [ComponentStatus],
) -> Option<&'c ComponentStatus> {
    let gets_nowhere = |job: &str| {
        let standing = patience.standing(job);
        matches!(standing, Standing::GivenUp(_) | Standing::Stuck(_))
    };
    let deployments = children
        .iter()
        .filter(|child| child.key.kind == Kind::Deployment);
    let failed = deployments
        .filter(|child| {
            is_given_up(child, patience)
                || outcome.waiting.iter().any(|(key, wait)| {
                    *key == child.key && matches!(wait, Wait::Job(job) if gets_nowhere(job))
                })
        })
        .min_by_key(|child| is_gateway(child))?;
    let name = failed.component()?;
    components.iter().find(|component| component.name == name)
}

/// The gateway waits for others' Jobs: it is not what is wrong.
fn is_gateway(child: &Child) -> bool {
    child.component() == Some("gateway")
}

fn is_given_up(child: &Child, patience: Patience<'_>) -> bool {
    let known = patience.view.children.get(&child.key);
    known.is_some_and(|known| {
        let is_given_up = matches!(known.state, State::Replicas { given_up: true, .. });
        known.is_built_as(child) && (is_given_up || patience.is_lasting_fault(child, &known.state))
    })
}

/// What is refused, if there is an older release to go back to.
pub(super) fn refused(
    attempt: &Attempt,
    owner: &Owner,
    last_good: &LastGood,
    failed: &ComponentStatus,
) -> Option<Refused> {
    if attempt.release.name(owner) == last_good.revision {
        return None;
    }
    let why = failed.message.as_deref().unwrap_or("it is given up");
    Some(Refused {
        attempt: attempt.digest.clone(),
        message: format!(
            "{}: {why}. Gateway and services went back to {}, the last release that was good: correct the spec, and it is tried \
             again; to try it as it is, change the annotation {TRY_AGAIN}",
            failed.name, last_good.revision
        ),
    })
}
