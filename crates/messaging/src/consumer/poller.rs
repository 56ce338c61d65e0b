//! Tries deferred messages again when their time has come.

use std::time::Duration;

use service_kit::error_chain;
use sqlite_store::StoreError;

use super::{Shared, run};
use crate::deferred::DeferredMessage;
use crate::handler::Outcome;
use crate::retry::wait_after;

/// How often to look.
const POLL: Duration = Duration::from_millis(500);
/// Messages taken at a time.
const BATCH: u32 = 64;

pub(super) async fn poll(shared: Shared) {
    while shared.pause(POLL).await {
        if let Err(error) = round(&shared).await {
            tracing::warn!(
                service = shared.service,
                error = error_chain(&error),
                "deferred messages cannot be read"
            );
        }
    }
}

async fn round(shared: &Shared) -> Result<(), StoreError> {
    for deferred in shared.deferred.due(shared.clock.now(), BATCH).await? {
        if shared.draining.is_cancelled() {
            return Ok(());
        }
        retry(shared, deferred).await?;
    }
    Ok(())
}

async fn retry(shared: &Shared, deferred: DeferredMessage) -> Result<(), StoreError> {
    let DeferredMessage {
        message,
        queue,
        attempts,
    } = deferred;
    let store = &shared.deferred;
    let outcome = match shared.handlers.get(queue.as_str()) {
        Some(handler) => run(&message, &**handler).await,
        None => Outcome::Park(format!("this service has no handler for {queue}")),
    };
    let now = shared.clock.now();
    match outcome {
        Outcome::Done => store.resolve(&message.id).await,
        Outcome::Unavailable(_) => Ok(()),
        Outcome::Park(reason) => store.park(&queue, message, &reason, now).await,
        Outcome::Retry(reason) => {
            let attempts = attempts.saturating_add(1);
            if let Some(wait) = wait_after(attempts) {
                return store
                    .reschedule(&message.id, attempts, &reason, now.plus(wait))
                    .await;
            }
            tracing::warn!(
                queue,
                id = message.id,
                reason,
                "a message is parked after its last try"
            );
            store.park(&queue, message, &reason, now).await
        }
    }
}
