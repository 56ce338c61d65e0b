//! Jobs that something waits for: how they stand, and whether they still get anywhere.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::apply::{Outcome, Wait};
use crate::child::{ChildKey, Kind};
use crate::observed::{Pod, Problem, State, View};
use crate::platform::Platform;

/// What a pod waits for before its program runs at all. One that runs and ends again and again is left to its Job, which tries it
/// for about a day: what it needs may be away.
const BEFORE_IT_RUNS: [&str; 8] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "Unschedulable",
];

/// How a Job stands.
pub(super) enum Standing<'v> {
    /// Kubernetes has given it up.
    GivenUp(&'v Problem),
    /// For as long as a rollout may make no progress its program could not be started: there is no such image, or no node has
    /// room. Kubernetes would try for ever.
    Stuck(&'v Problem),
    /// Something keeps its pod from working.
    Troubled(&'v Problem),
    /// It has no pod yet.
    WithoutPod,
    /// It is at work, or not there yet.
    OnItsWay,
}

/// How long Jobs of what is being tried are waited for.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// What is tried.
    pub platform: &'a Platform,
    /// What is there.
    pub view: &'a View,
    /// Since when it is tried, as far as this process knows: a Job may be left from an earlier try.
    pub since: Timestamp,
    /// The time.
    pub now: Timestamp,
}

impl<'a> Patience<'a> {
    pub(super) fn standing(&self, job: &str) -> Standing<'a> {
        let key = ChildKey {
            kind: Kind::Job,
            name: job.to_owned(),
        };
        let job_itself = self.view.children.get(&key);
        if let Some(State::Job {
            failed: Some(problem),
            ..
        }) = job_itself.map(|observed| &observed.state)
        {
            return Standing::GivenUp(problem);
        }
        match self.pod_of(job) {
            None if job_itself.is_some() => Standing::WithoutPod,
            None => Standing::OnItsWay,
            Some(pod) => match &pod.problem {
                None => Standing::OnItsWay,
                Some(problem) if self.left(pod).is_some_and(|left| left.is_zero()) => {
                    Standing::Stuck(problem)
                }
                Some(problem) => Standing::Troubled(problem),
            },
        }
    }

    /// Until the first of the Jobs that are waited for counts as stuck: nothing else tells of it.
    #[must_use]
    pub fn until_stuck(&self, outcome: &Outcome) -> Option<Duration> {
        let jobs = outcome.waiting.iter().filter_map(|(_, wait)| match wait {
            Wait::Job(job) => Some(job),
            _ => None,
        });
        jobs.filter_map(|job| self.left(self.pod_of(job)?))
            .filter(|left| !left.is_zero())
            .min()
    }

    /// The newest of its pods: another one may have been evicted.
    fn pod_of(&self, job: &str) -> Option<&'a Pod> {
        let pods = self.view.pods.values();
        pods.filter(|pod| pod.job.as_deref() == Some(job))
            .max_by_key(|pod| pod.created)
    }

    /// How long it may still take until its program runs; none if that is not what it waits for.
    fn left(&self, pod: &Pod) -> Option<Duration> {
        let reason = pod.problem.as_ref()?.reason.as_str();
        if !BEFORE_IT_RUNS.contains(&reason) {
            return None;
        }
        let deadline = u64::try_from(self.platform.progress_deadline_s).unwrap_or(0);
        let since = pod.created.unwrap_or(self.since).max(self.since);
        let waited = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        Some(Duration::from_secs(deadline).saturating_sub(waited))
    }
}
