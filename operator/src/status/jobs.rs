//! Jobs that something waits for: how they stand, and whether they still get anywhere.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::apply::{Outcome, Wait};
use crate::child::{ChildKey, Kind};
use crate::observed::{Pod, Problem, State, View};
use crate::platform::Platform;

/// How a Job stands.
pub(super) enum Standing<'v> {
    /// Kubernetes has given it up.
    GivenUp(&'v Problem),
    /// For as long as a rollout may make no progress something keeps its pod from working: its image cannot be pulled, no node has
    /// room, or it ends again and again. Kubernetes would go on, with an image that is not there for ever.
    Stuck(&'v Problem),
    /// Something keeps its pod from working; not for that long.
    Troubled(&'v Problem),
    /// It has no pod yet.
    WithoutPod,
    /// It is at work, or not there yet.
    OnItsWay,
}

/// How a Job stands.
pub(super) fn standing<'v>(
    job: &str,
    platform: &Platform,
    view: &'v View,
    now: Timestamp,
) -> Standing<'v> {
    let key = ChildKey {
        kind: Kind::Job,
        name: job.to_owned(),
    };
    let state = view.children.get(&key).map(|observed| &observed.state);
    if let Some(State::Job {
        failed: Some(problem),
        ..
    }) = state
    {
        return Standing::GivenUp(problem);
    }
    match pod_of(job, view) {
        None if state.is_some() => Standing::WithoutPod,
        None => Standing::OnItsWay,
        Some(pod) => match &pod.problem {
            None => Standing::OnItsWay,
            Some(problem) if left(pod, platform, now).is_zero() => Standing::Stuck(problem),
            Some(problem) => Standing::Troubled(problem),
        },
    }
}

/// Until the first of the Jobs that are waited for counts as stuck: nothing else tells of it.
#[must_use]
pub fn until_stuck(
    platform: &Platform,
    outcome: &Outcome,
    view: &View,
    now: Timestamp,
) -> Option<Duration> {
    let jobs = outcome.waiting.iter().filter_map(|(_, wait)| match wait {
        Wait::Job(job) => Some(job),
        _ => None,
    });
    jobs.filter_map(|job| pod_of(job, view))
        .filter(|pod| pod.problem.is_some())
        .map(|pod| left(pod, platform, now))
        .filter(|left| !left.is_zero())
        .min()
}

fn pod_of<'v>(job: &str, view: &'v View) -> Option<&'v Pod> {
    let mut pods = view.pods.iter();
    let (_, pod) = pods.find(|(name, _)| name.starts_with(job))?;
    Some(pod)
}

/// How long its trouble may still last.
fn left(pod: &Pod, platform: &Platform, now: Timestamp) -> Duration {
    let deadline = Duration::from_secs(u64::try_from(platform.progress_deadline_s).unwrap_or(0));
    let age = pod.created.map_or(Duration::ZERO, |created| {
        Duration::try_from(now.duration_since(created)).unwrap_or_default()
    });
    deadline.saturating_sub(age)
}
