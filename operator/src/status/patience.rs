//! Jobs that something waits for, and pods of what is rolled out: how they stand, and whether they still get anywhere.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::apply::{Outcome, Wait};
use crate::child::{Child, ChildKey, Kind};
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

    /// What keeps a pod of a workload that is rolled out from working, for so long that it is not to be waited for any more.
    /// Kubernetes gives up rollouts only, and one with no pods, of a platform that sleeps, always ends well.
    pub(super) fn lasting(&self, child: &Child, state: &State) -> Option<&'a Problem> {
        let mut troubled = self.troubled(child, state);
        let (_, problem) = troubled.find(|(pod, _)| self.remaining(pod).is_zero())?;
        Some(problem)
    }

    /// Whether that is the fault of what is tried: none of its pods works, one of which was made since. A number of replicas that
    /// finds no room, or a server that is away, is not. An operator that starts does not know since when, and begins anew.
    pub(super) fn is_lasting_fault(&self, child: &Child, state: &State) -> bool {
        let mut troubled = self.troubled(child, state).filter(|_| !state.has_ready());
        troubled.any(|(pod, _)| {
            pod.created.is_some_and(|created| created >= self.since)
                && self.remaining(pod).is_zero()
        })
    }

    /// Until the first of the Jobs that are waited for, or of the pods that are troubled, is not to be waited for any more:
    /// nothing else tells of it.
    #[must_use]
    pub fn until_stuck(&self, children: &[Child], outcome: &Outcome) -> Option<Duration> {
        let jobs = outcome.waiting.iter().filter_map(|(_, wait)| match wait {
            Wait::Job(job) => self.left(self.pod_of(job)?),
            _ => None,
        });
        let pods = children.iter().flat_map(|child| {
            let observed = self.view.children.get(&child.key);
            let troubled = observed.map(|observed| self.troubled(child, &observed.state));
            let pods = troubled.into_iter().flatten();
            pods.map(|(pod, _)| self.remaining(pod))
        });
        jobs.chain(pods).filter(|left| !left.is_zero()).min()
    }

    /// The pods of a workload that is rolled out and lacks some, and what is wrong with them. Nobody gives up the rollout of a
    /// `StatefulSet`.
    fn troubled<'b>(
        &self,
        child: &'b Child,
        state: &State,
    ) -> impl Iterator<Item = (&'a Pod, &'a Problem)> + use<'a, 'b> {
        let is_known = state.is_rolled_out() || child.key.kind == Kind::StatefulSet;
        let lacks = is_known && state.lacks_replicas();
        let pods = self.view.pods.values().filter(move |pod| {
            lacks && pod.job.is_none() && child.component() == Some(&*pod.component)
        });
        pods.filter_map(|pod| Some((pod, &**pod.problem.as_ref()?)))
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
        Some(self.remaining(pod))
    }

    /// How long a pod may still be in trouble.
    fn remaining(&self, pod: &Pod) -> Duration {
        let deadline = u64::try_from(self.platform.progress_deadline_s).unwrap_or(0);
        let since = pod.unready.or(pod.created);
        let since = since.unwrap_or(self.since).max(self.since);
        let waited = Duration::try_from(self.now.duration_since(since)).unwrap_or_default();
        Duration::from_secs(deadline).saturating_sub(waited)
    }
}
