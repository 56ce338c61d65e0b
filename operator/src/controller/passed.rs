//! One pass through dereference, validate, build and apply, and what came of it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::Context;
use super::context::Memory;
use super::plan::{Plan, Planning, Unplanned};
use super::turns::turn_of;
use crate::apply::{self, Failure, Outcome, Pass, Wait};
use crate::build;
use crate::child::{Child, ChildKey, Kind};
use crate::names::Owner;
use crate::observed::{PlatformKey, View};
use crate::release::Release;
use crate::resource::{ComponentState, DeletionPolicy, ShopPlatform, ShopPlatformStatus};
use crate::status::{Patience, Reason, Verdict};

/// What came of the rooms before status.
pub(super) enum Passed {
    Refused {
        reason: Reason,
        message: String,
        /// Whether it may be otherwise the next time.
        again: bool,
    },
    Applied {
        plan: Box<Plan>,
        children: Vec<Child>,
        outcome: Outcome,
        applied: apply::Applied,
    },
}

pub(super) fn refuse(reason: Reason, message: String) -> Passed {
    Passed::Refused {
        reason,
        message,
        again: false,
    }
}

/// `Retain` is carried out whatever else cannot be: who deletes the platform then keeps the data.
async fn kept_if_retained(
    resource: &ShopPlatform,
    owner: &Owner,
    key: &PlatformKey,
    context: &Context,
) -> Result<(), (ChildKey, Failure)> {
    match resource.spec.deletion_policy {
        DeletionPolicy::Retain => {
            let view = context.cluster.view(key);
            apply::let_go(&context.client, &context.cluster, owner, &view).await
        }
        DeletionPolicy::Delete => Ok(()),
    }
}

impl Passed {
    pub(super) async fn of(
        resource: &ShopPlatform,
        owner: &Owner,
        key: &PlatformKey,
        context: &Context,
        memory: &mut Memory,
    ) -> Self {
        if let Some(other) = resource
            .status
            .as_ref()
            .and_then(|status| status.operator.as_deref())
            && other != context.identity
        {
            return refuse(
                Reason::ManagedByAnotherOperator,
                format!(
                    "the operator {other} owns this platform: this one, {}, leaves it alone",
                    context.identity
                ),
            );
        }
        if resource.spec.paused {
            return refuse(
                Reason::Paused,
                "paused: nothing is written and nothing is mended; a deletionPolicy that is changed meanwhile holds when it goes on"
                    .to_owned(),
            );
        }
        let view = context.cluster.view(key);
        let planning = Planning {
            resource,
            owner,
            key,
            context,
            view: &view,
        };
        let planned = planning.plan(memory).await.and_then(|plan| {
            let children = build::build(&plan.platform)?;
            Ok((plan, children))
        });
        let (plan, children) = match planned {
            Ok(planned) => planned,
            Err(unplanned) => {
                let kept = kept_if_retained(resource, owner, key, context).await;
                return Self::unplanned(unplanned, kept.err().as_ref());
            }
        };
        let digest = resource
            .status
            .as_ref()
            .and_then(|status| status.applied.as_deref());
        let mut applied = memory
            .applied
            .take()
            .unwrap_or_else(|| apply::recall(digest, &view, &children));
        let turn_of = turn_of(resource, &plan, &children, &view, key, context);
        let pass = Pass {
            client: &context.client,
            cluster: &context.cluster,
            owner,
            view: &view,
            applied: &mut applied,
            turn_of: turn_of.as_ref(),
            keeps_jobs: plan.attempt.refused.is_some(),
        };
        let mut outcome = pass.run(&children).await;
        let is_kept = |(child, _): &(ChildKey, Failure)| child.kind.is_kept();
        if outcome.failures.iter().any(is_kept) {
            let kept = kept_if_retained(resource, owner, key, context).await;
            outcome.failures.extend(kept.err());
        }
        memory.applied = Some(applied.clone());
        Self::Applied {
            plan: Box::new(plan),
            children,
            outcome,
            applied,
        }
    }

    /// What keeps the platform from being carried out at all; `still` still goes with it.
    fn unplanned(unplanned: Unplanned, still: Option<&(ChildKey, Failure)>) -> Self {
        let (reason, mut message, again) = match unplanned {
            Unplanned::Invalid { reason, message } => (reason, message, false),
            Unplanned::NotRead { what, error } => {
                let failure = Failure::of(error);
                let message = format!("{what} cannot be read: {failure}");
                (Reason::of(&failure), message, true)
            }
        };
        if let Some((child, failure)) = still {
            let more = format!("; {child} still goes with the platform: {failure}");
            message.push_str(&more);
        }
        Self::Refused {
            reason,
            message,
            again: again || still.is_some(),
        }
    }

    pub(super) fn verdict(&self) -> Verdict<'_> {
        match self {
            Self::Refused {
                reason, message, ..
            } => Verdict::Refused {
                reason: *reason,
                message: message.clone(),
            },
            Self::Applied {
                plan,
                children,
                outcome,
                applied,
            } => Verdict::Applied {
                attempt: &plan.attempt,
                platform: &plan.platform,
                children,
                outcome,
                applied,
            },
        }
    }

    pub(super) fn is_of_another(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                reason: Reason::ManagedByAnotherOperator,
                ..
            }
        )
    }

    /// In the words of the metric.
    pub(super) fn result(&self) -> &'static str {
        match self {
            _ if self.is_to_be_tried_again() => "retry",
            Self::Refused { .. } => "refused",
            Self::Applied { .. } => "ok",
        }
    }

    pub(super) fn is_to_be_tried_again(&self) -> bool {
        match self {
            Self::Refused { again, .. } => *again,
            Self::Applied { outcome, .. } => !outcome.failures.is_empty(),
        }
    }

    pub(super) fn has_written(&self) -> bool {
        matches!(self, Self::Applied { .. })
    }

    pub(super) fn waits_for_turn(&self) -> bool {
        let Self::Applied { outcome, .. } = self else {
            return false;
        };
        let mut waits = outcome.waiting.iter();
        waits.any(|(_, wait)| matches!(wait, Wait::Turn(_)))
    }

    /// Since when what the spec says is tried.
    pub(super) fn tried_since(&self, memory: &mut Memory, now: Timestamp) -> Timestamp {
        match self {
            Self::Applied { plan, .. } => memory.tried_since(&plan.attempt.digest, now),
            Self::Refused { .. } => now,
        }
    }

    /// How long until a Job or a pod is not to be waited for any more.
    pub(super) fn until_stuck(
        &self,
        view: &View,
        memory: &mut Memory,
        now: Timestamp,
    ) -> Option<Duration> {
        let since = self.tried_since(memory, now);
        let Self::Applied {
            plan,
            children,
            outcome,
            ..
        } = self
        else {
            return None;
        };
        let patience = Patience {
            platform: &plan.platform,
            view,
            since,
            now,
        };
        patience.until_stuck(children, outcome)
    }

    /// The release that is rolled out and good, whatever is wrong with what is no part of it.
    pub(super) fn proved_good(&self, status: &ShopPlatformStatus) -> Option<&Release> {
        let Self::Applied { plan, outcome, .. } = self else {
            return None;
        };
        let deployment = Kind::Deployment.to_string();
        let mut components = status.components.iter();
        let is_good = outcome.has_written_pods()
            // One that is gone back to is good; one that is refused in this very pass is not.
            && status.refused == plan.attempt.refused
            && components.all(|component| {
                component.state == ComponentState::Ready || component.kind != deployment
            });
        is_good.then_some(&plan.attempt.release)
    }
}
