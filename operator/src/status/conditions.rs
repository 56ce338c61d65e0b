//! Conditions: stable reasons, listed in docs/operations.md with what to do.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;

use super::components::is_troubled;
use super::patience::Patience;
use crate::apply::{Failure, Outcome, Wait, is_of_quota};
use crate::child::ChildKey;
use crate::platform::Platform;
use crate::resource::{ComponentState, ComponentStatus, Refused};
use crate::validate;

/// Why a condition is as it is. Words are never changed: people and alerts go by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All is as the spec says.
    AsSpecified,
    /// The resource cannot be read.
    Unreadable,
    /// The spec cannot be carried out.
    Invalid(validate::Reason),
    /// Children could not be built.
    CannotBuild,
    /// Another operator owns the platform.
    ManagedByAnotherOperator,
    /// Nothing is written, as the spec says.
    Paused,
    /// An object of a child's name is not ours.
    Conflict,
    /// A Secret that alone opens a disk is gone.
    CredentialsLost,
    /// An object before is still being deleted, or the namespace is.
    Deleting,
    /// The cluster lacks an API.
    ApiMissing,
    /// The API server refuses an object.
    Refused,
    /// A quota is used up.
    QuotaExceeded,
    /// The operator lacks a right.
    Forbidden,
    /// The API server could not be asked.
    ApiServerUnavailable,
    /// Something is on its way.
    RollingOut,
    /// Something waits for a Job.
    WaitingForJob,
    /// Something is wrong with a component.
    ComponentFailed,
    /// The last good release runs, for what the spec says could not be rolled out.
    RolledBack,
    /// It is another platform's turn to be rolled out as this operator builds it.
    WaitingForTurn,
    /// A disk is to grow, and its class does not let it.
    StorageNotExpandable,
    /// Scaled to nothing.
    Hibernated,
}

impl Reason {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsSpecified => "AsSpecified",
            Self::Unreadable => "Unreadable",
            Self::Invalid(reason) => reason.as_str(),
            Self::CannotBuild => "CannotBuild",
            Self::ManagedByAnotherOperator => "ManagedByAnotherOperator",
            Self::Paused => "Paused",
            Self::Conflict => "Conflict",
            Self::CredentialsLost => "CredentialsLost",
            Self::Deleting => "Deleting",
            Self::ApiMissing => "ApiMissing",
            Self::Refused => "Refused",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::Forbidden => "Forbidden",
            Self::ApiServerUnavailable => "ApiServerUnavailable",
            Self::RollingOut => "RollingOut",
            Self::WaitingForJob => "WaitingForJob",
            Self::ComponentFailed => "ComponentFailed",
            Self::RolledBack => "RolledBack",
            Self::WaitingForTurn => "WaitingForTurn",
            Self::StorageNotExpandable => "StorageNotExpandable",
            Self::Hibernated => "Hibernated",
        }
    }

    /// What a failure is called.
    #[must_use]
    pub const fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Conflict { .. } => Self::Conflict,
            Failure::CredentialsLost { .. } => Self::CredentialsLost,
            Failure::Deleting | Failure::NamespaceEnding => Self::Deleting,
            Failure::NoApi => Self::ApiMissing,
            Failure::Refused(_) => Self::Refused,
            Failure::Quota(_) | Failure::GrowthOverQuota(_) => Self::QuotaExceeded,
            Failure::StorageNotExpandable { .. } => Self::StorageNotExpandable,
            Failure::Forbidden(_) => Self::Forbidden,
            Failure::Unavailable(_) => Self::ApiServerUnavailable,
        }
    }
}

/// A condition without its time.
pub(super) struct Judgement {
    name: &'static str,
    holds: bool,
    reason: Reason,
    message: String,
}

const RECONCILED: &str = "Reconciled";
const READY: &str = "Ready";
const PROGRESSING: &str = "Progressing";
const DEGRADED: &str = "Degraded";

fn judge(name: &'static str, holds: bool, reason: Reason, message: &str) -> Judgement {
    Judgement {
        name,
        holds,
        reason,
        message: message.to_owned(),
    }
}

/// Of a resource that was not carried out.
pub(super) fn refused(reason: Reason, message: &str) -> Vec<Judgement> {
    vec![
        judge(RECONCILED, false, reason, message),
        judge(READY, false, reason, message),
        judge(PROGRESSING, false, reason, message),
        judge(
            DEGRADED,
            !matches!(reason, Reason::Paused | Reason::ApiServerUnavailable),
            reason,
            message,
        ),
    ]
}

/// Of a platform whose children were written.
pub(super) fn of(
    platform: &Platform,
    outcome: &Outcome,
    components: &[ComponentStatus],
    refused: Option<&Refused>,
    patience: Patience<'_>,
) -> Vec<Judgement> {
    let (written, why) = match gravest(outcome) {
        None => (
            Reason::AsSpecified,
            "everything is written as the spec says".to_owned(),
        ),
        Some((key, failure)) => (
            Reason::of(failure),
            format!("{key}: {failure}{}", more(outcome.failures.len())),
        ),
    };
    let with = |state: ComponentState| {
        components
            .iter()
            .filter(move |component| component.state == state)
    };
    let failed = with(ComponentState::Failed).next();
    // The gateway waits for the others: what they wait for says more.
    let others = |component: &&ComponentStatus| component.name != "gateway";
    let unsettled = || {
        with(ComponentState::Progressing)
            .chain(with(ComponentState::Waiting).filter(others))
            .chain(with(ComponentState::Waiting))
    };
    // One that has a problem says more than one that is on its way.
    let unsettled = unsettled()
        .find(|component| is_troubled(component, outcome, patience))
        .or_else(|| unsettled().next());
    let at_rest = if platform.hibernate {
        (
            Reason::Hibernated,
            "everything is scaled to nothing; data stays".to_owned(),
        )
    } else {
        (
            Reason::AsSpecified,
            "everything is as the spec says".to_owned(),
        )
    };
    let is_held_up = !outcome
        .failures
        .iter()
        .all(|(_, failure)| failure.holds_nothing_up());
    let (ready, sentence) = match (outcome.failures.is_empty(), failed, unsettled) {
        (false, Some(component), _) if !is_held_up => (of_failed(component), say(component)),
        (false, _, _) => (written, why.clone()),
        (true, Some(component), _) => (of_failed(component), say(component)),
        (true, None, Some(component)) if component.state == ComponentState::Waiting => {
            (Reason::WaitingForJob, say(component))
        }
        (true, None, Some(component)) => (Reason::RollingOut, say(component)),
        (true, None, None) => at_rest,
    };
    let good = outcome.failures.is_empty() && failed.is_none();
    let settled = good && unsettled.is_none();
    let progressing = match turn_of(outcome) {
        Some(turn) if settled => judge(PROGRESSING, true, Reason::WaitingForTurn, &turn),
        _ => judge(PROGRESSING, good && !settled, ready, &sentence),
    };
    if let Some(refused) = refused {
        let (reason, message) = (Reason::RolledBack, refused.message.as_str());
        return vec![
            if outcome.failures.is_empty() {
                judge(RECONCILED, false, reason, message)
            } else {
                judge(RECONCILED, false, written, &why)
            },
            judge(READY, false, reason, message),
            progressing,
            judge(DEGRADED, true, reason, message),
        ];
    }
    vec![
        judge(RECONCILED, outcome.failures.is_empty(), written, &why),
        judge(READY, settled && !platform.hibernate, ready, &sentence),
        progressing,
        judge(DEGRADED, !good, ready, &sentence),
    ]
}

/// The failure to be told: what somebody has to mend before what passes by itself, and what the platform works without last.
fn gravest(outcome: &Outcome) -> Option<&(ChildKey, Failure)> {
    outcome.failures.iter().min_by_key(|(_, failure)| {
        (
            failure.holds_nothing_up(),
            failure.is_transient(),
            failure.is_worked_without(),
        )
    })
}

/// All is written, but for the release itself: there is nothing to go back to.
pub(super) fn not_kept(judgements: &mut [Judgement], release: &str, failure: &Failure) {
    let reconciled = judgements
        .iter_mut()
        .find(|judgement| judgement.name == RECONCILED && judgement.holds);
    if let Some(reconciled) = reconciled {
        *reconciled = judge(
            RECONCILED,
            false,
            Reason::of(failure),
            &format!(
                "ControllerRevision {release}, which keeps the release to go back to: {failure}"
            ),
        );
    }
}

/// Whose turn it is, if pods are not replaced before.
fn turn_of(outcome: &Outcome) -> Option<String> {
    let mut waits = outcome.waiting.iter();
    waits.find_map(|(_, wait)| match wait {
        Wait::Turn(platform) => Some(format!(
            "waits until the platform {} of the namespace {} is rolled out as this operator builds it",
            platform.name, platform.namespace
        )),
        Wait::Job(_) | Wait::Rollout(_) => None,
    })
}

/// A component that the cluster has no room for by a quota is told by that.
fn of_failed(component: &ComponentStatus) -> Reason {
    let message = component.message.as_deref().unwrap_or_default();
    if is_of_quota(message) {
        Reason::QuotaExceeded
    } else {
        Reason::ComponentFailed
    }
}

fn more(failures: usize) -> String {
    match failures {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many.saturating_sub(1)),
    }
}

fn say(component: &ComponentStatus) -> String {
    match &component.message {
        Some(message) => format!("{}: {message}", component.name),
        None => format!(
            "{}: {} of {} ready",
            component.name, component.ready, component.desired
        ),
    }
}

/// What the status says in one sentence: nothing if all is well.
pub(super) fn message(judgements: &[Judgement]) -> Option<String> {
    let amiss = |name| {
        judgements
            .iter()
            .find(move |judgement| judgement.name == name && !judgement.holds)
    };
    amiss(READY)
        .or_else(|| amiss(RECONCILED))
        .map(|judgement| judgement.message.clone())
}

/// With times: that of before where a condition holds as before.
pub(super) fn dated(
    judgements: Vec<Judgement>,
    before: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    judgements
        .into_iter()
        .map(|judgement| {
            let status = if judgement.holds { "True" } else { "False" };
            let since = before
                .iter()
                .find(|condition| condition.type_ == judgement.name && condition.status == status)
                .map_or(Time(now), |condition| {
                    condition.last_transition_time.clone()
                });
            Condition {
                type_: judgement.name.to_owned(),
                status: status.to_owned(),
                reason: judgement.reason.as_str().to_owned(),
                message: judgement.message,
                observed_generation: Some(generation),
                last_transition_time: since,
            }
        })
        .collect()
}
