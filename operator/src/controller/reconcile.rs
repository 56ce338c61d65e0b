//! One pass: dereference, validate, build, apply, status.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};

use super::context::Memory;
use super::measured::Done;
use super::next_look::{soonest, until_rotation};
use super::passed::{Passed, refuse};
use super::turns::is_rolling;
use super::written::write_status;
use super::{Context, Guarded, back_off, kept};
use crate::metrics;
use crate::names::Owner;
use crate::observed::PlatformKey;
use crate::resource::ShopPlatformStatus;
use crate::status::{Reason, Report};

/// How long at most until a platform that waits for its turn looks again; usually it is told.
const TURN: Duration = Duration::from_mins(1);

/// The status could not be written, or what it is about not be read.
#[derive(Debug, thiserror::Error)]
#[error("the platform could not be reconciled")]
pub struct Error(#[source] pub kube::Error);

/// One pass over one platform.
pub(super) async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Done, Error> {
    let key = key_of(&guarded);
    let metadata = guarded.meta();
    let owner = Owner {
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        uid: metadata.uid.clone().unwrap_or_default(),
    };
    if metadata.deletion_timestamp.is_some() {
        context.turns.end(&key);
        return Ok(Done {
            action: Action::await_change(),
            result: "ok",
        });
    }
    let mut memory = context.recall(&key, &owner.uid);
    let generation = metadata.generation.unwrap_or(0);
    let (verdict, before) = match &guarded.0 {
        Err(invalid) => (
            refuse(Reason::Unreadable, invalid.error.clone()),
            memory.told.clone(),
        ),
        Ok(platform) => (
            Box::pin(Passed::of(platform, &owner, &key, &context, &mut memory)).await,
            platform.status.clone(),
        ),
    };
    if verdict.is_of_another() {
        // Its status is the other operator's: both would write it in turn, for ever.
        tracing::warn!(platform = %key.name, namespace = %key.namespace, "another operator owns this platform");
        return Ok(Done {
            action: Action::await_change(),
            result: "refused",
        });
    }
    let now = crate::time::now(&*context.clock);
    let (status, failed) = judge(
        &verdict,
        &owner,
        generation,
        before.clone(),
        now,
        &context,
        &mut memory,
    )
    .await;
    if !is_rolling(&status) && !verdict.waits_for_turn() {
        context.turns.end(&key);
    }
    // A pass whose status cannot be written has not ended well: failures are forgotten below.
    memory.failures = memory.failures.saturating_add(u32::from(failed));
    let failures = memory.failures;
    context.remember(key.clone(), memory.clone());
    if before.as_ref() != Some(&status) {
        let platform = guarded.object_ref(&());
        let teller = &context.teller;
        match write_status(&key, &owner.uid, &status, &context).await {
            Ok(true) => {}
            Ok(false) => {
                context.forget(&key);
                metrics::phase(&key, before.map(|before| before.phase), None);
                let (action, result) = (Action::await_change(), verdict.result());
                return Ok(Done { action, result });
            }
            Err(error) => {
                teller.not_written(&platform, &error).await;
                return Err(Error(error));
            }
        }
        teller.tell(&platform, before.as_ref(), &status).await;
        if guarded.0.is_err() {
            memory.told = Some(status.clone());
        }
    }
    if !failed {
        memory.failures = 0;
    }
    let until_stuck = verdict.until_stuck(&context.cluster.view(&key), &mut memory, now);
    context.remember(key.clone(), memory);
    metrics::phase(&key, before.map(|before| before.phase), Some(status.phase));
    let action = if failed {
        Action::requeue(back_off::after(failures))
    } else if verdict.waits_for_turn() {
        Action::requeue(TURN)
    } else {
        soonest(until_rotation(&status, now), until_stuck)
    };
    let result = verdict.result();
    Ok(Done { action, result })
}

/// What is to be told of a pass, after the last good release was kept, and whether something is to be tried again.
async fn judge(
    verdict: &Passed,
    owner: &Owner,
    generation: i64,
    mut before: Option<ShopPlatformStatus>,
    now: Timestamp,
    context: &Context,
    memory: &mut Memory,
) -> (ShopPlatformStatus, bool) {
    let view = context.cluster.view(&PlatformKey {
        namespace: owner.namespace.clone(),
        name: owner.name.clone(),
    });
    kept::bring_up_to_date(before.as_mut(), memory);
    let since = verdict.tried_since(memory, now);
    let judged = verdict.verdict();
    let not_kept;
    let mut report = Report {
        generation,
        operator: &context.identity,
        before: before.as_ref(),
        verdict: &judged,
        view: &view,
        not_kept: None,
        since,
        now,
    };
    let mut status = report.status();
    let mut failed = verdict.is_to_be_tried_again();
    let gone = || kept::gone(memory, &view).filter(|_| verdict.has_written());
    if let Some(release) = verdict.proved_good(&status).cloned().or_else(gone) {
        let last = status.last_good.as_ref();
        match kept::kept(&release, last, owner, &view, context, memory).await {
            Ok(last_good) => status.last_good = Some(last_good),
            Err(failure) => {
                not_kept = failure;
                report.not_kept = Some(&not_kept);
                status = report.status();
                failed = true;
            }
        }
    }
    (status, failed)
}

pub(super) fn key_of(guarded: &Guarded) -> PlatformKey {
    PlatformKey {
        namespace: guarded.namespace().unwrap_or_default(),
        name: guarded.name_any(),
    }
}

/// Counts a failure that nobody else counted.
pub(super) fn note_failure(guarded: &Guarded, context: &Context) -> u32 {
    let key = key_of(guarded);
    let mut memory = context.recall(&key, guarded.meta().uid.as_deref().unwrap_or_default());
    memory.failures = memory.failures.saturating_add(1);
    let failures = memory.failures;
    context.remember(key, memory);
    failures
}
