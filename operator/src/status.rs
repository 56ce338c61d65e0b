//! Tells how a platform is, whatever the outcome of a pass was: pure, and the same as before if nothing changed.

mod components;
mod conditions;
mod patience;
mod roll_back;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use crate::apply::{Applied, Failure, Outcome, Wait, digest_of};
use crate::child::Child;
use crate::credentials::Standing;
use crate::observed::View;
use crate::platform::Platform;
use crate::release::Attempt;
use crate::resource::{
    ComponentState, ComponentStatus, CredentialsStatus, LastGood, Phase, ShopPlatformStatus,
};

pub use conditions::Reason;
pub use patience::Patience;

/// What came of a pass.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// The resource cannot be carried out; nothing was written.
    Refused {
        /// In one word.
        reason: Reason,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Children were written, as far as that was possible.
    Applied {
        /// What was undertaken.
        attempt: &'a Attempt,
        /// What was to be.
        platform: &'a Platform,
        /// Its children.
        children: &'a [Child],
        /// What became of them.
        outcome: &'a Outcome,
        /// What was written, for the digest.
        applied: &'a Applied,
    },
}

/// What a status is made of.
#[derive(Debug)]
pub struct Report<'a> {
    /// The generation that was looked at.
    pub generation: i64,
    /// Who looked.
    pub operator: &'a str,
    /// The status before.
    pub before: Option<&'a ShopPlatformStatus>,
    /// What came of it.
    pub verdict: &'a Verdict<'a>,
    /// How things are, after the pass.
    pub view: &'a View,
    /// The good release that could not be kept to go back to, and why.
    pub not_kept: Option<&'a (String, Failure)>,
    /// Since when what the spec says is tried, as far as this process knows.
    pub since: Timestamp,
    /// The time, for conditions that change.
    pub now: Timestamp,
}

impl Report<'_> {
    /// The status to be told.
    #[must_use]
    pub fn status(&self) -> ShopPlatformStatus {
        let before = self.before.cloned().unwrap_or_default();
        match self.verdict {
            Verdict::Refused { reason, message } => self.refused(before, *reason, message),
            Verdict::Applied {
                attempt,
                platform,
                children,
                outcome,
                applied,
            } => {
                let patience = Patience {
                    platform,
                    view: self.view,
                    since: self.since,
                    now: self.now,
                };
                let components = components::of(platform, children, outcome, patience);
                let refused = attempt.refused.clone().or_else(|| {
                    let can_be_gone_back_to = |last: &&LastGood| {
                        self.view.releases.contains(&last.revision)
                            && attempt.not_understood.as_ref() != Some(&last.revision)
                    };
                    let last_good = before.last_good.as_ref().filter(can_be_gone_back_to)?;
                    let failed = roll_back::failed(children, outcome, patience, &components)?;
                    roll_back::refused(attempt, &platform.owner, last_good, failed)
                });
                let mut conditions =
                    conditions::of(platform, outcome, &components, refused.as_ref(), patience);
                if let Some((release, failure)) = self.not_kept {
                    conditions::not_kept(&mut conditions, release, failure);
                }
                // While it is not its turn, what another operator rolled out is still there.
                let version = before.version.filter(|_| waits_for_turn(outcome));
                let ready = components
                    .iter()
                    .filter(|component| is_settled(component))
                    .count();
                ShopPlatformStatus {
                    observed_generation: self.generation,
                    phase: match phase(platform, outcome, &components) {
                        Phase::Failed => Phase::Failed,
                        _ if refused.is_some() => Phase::Degraded,
                        phase => phase,
                    },
                    message: conditions::message(&conditions),
                    ready: format!("{ready}/{}", components.len()),
                    version: version.or_else(|| Some(platform.version.clone())),
                    operator: Some(self.operator.to_owned()),
                    applied: Some(digest_of(applied)),
                    last_good: before.last_good,
                    credentials: Some(credentials(platform, self.view)),
                    refused,
                    given: if outcome.is_complete() {
                        Some(attempt.given.clone())
                    } else {
                        before.given
                    },
                    endpoint: components::endpoint(platform, self.view),
                    conditions: conditions::dated(
                        conditions,
                        &before.conditions,
                        self.generation,
                        self.now,
                    ),
                    components,
                }
            }
        }
    }

    fn refused(
        &self,
        before: ShopPlatformStatus,
        reason: Reason,
        message: &str,
    ) -> ShopPlatformStatus {
        let conditions = conditions::refused(reason, message);
        ShopPlatformStatus {
            observed_generation: self.generation,
            phase: match reason {
                Reason::Paused => Phase::Paused,
                // It may be there again the next time.
                Reason::ApiServerUnavailable => Phase::Progressing,
                _ => Phase::Failed,
            },
            message: Some(message.to_owned()),
            operator: Some(self.operator.to_owned()),
            conditions: conditions::dated(
                conditions,
                &before.conditions,
                self.generation,
                self.now,
            ),
            ..before
        }
    }
}

fn credentials(platform: &Platform, view: &View) -> CredentialsStatus {
    let standing = Standing::of(view);
    let due = standing.due(platform.rotate_after);
    CredentialsStatus {
        generation: platform.credentials,
        rotating: standing.is_rotating(),
        next: due.and_then(|due| Some(Time(Timestamp::from_second(due).ok()?))),
    }
}

fn waits_for_turn(outcome: &Outcome) -> bool {
    let mut waits = outcome.waiting.iter();
    waits.any(|(_, wait)| matches!(wait, Wait::Turn(_)))
}

fn is_settled(component: &ComponentStatus) -> bool {
    matches!(
        component.state,
        ComponentState::Ready | ComponentState::Stopped
    )
}

fn phase(platform: &Platform, outcome: &Outcome, components: &[ComponentStatus]) -> Phase {
    let fails = |of: fn(&Failure) -> bool| outcome.failures.iter().any(|(_, failure)| of(failure));
    if fails(|failure| !failure.is_transient() && !failure.is_worked_without()) {
        return Phase::Failed;
    }
    if fails(Failure::is_worked_without)
        || components
            .iter()
            .any(|component| component.state == ComponentState::Failed)
    {
        return Phase::Degraded;
    }
    if !outcome.failures.is_empty() || !components.iter().all(is_settled) {
        return Phase::Progressing;
    }
    if platform.hibernate {
        Phase::Hibernated
    } else {
        Phase::Ready
    }
}
