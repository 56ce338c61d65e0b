//! Tries deferred messages again when their time has come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use service_kit::error_chain;
use store_kit::StoreError;

use super::Shared;
use super::run::run;
use crate::deferred::DeferredMessage;
use crate::handler::{Handler, Outcome};
use crate::retry::wait_after;

/// How often to look.
const POLL: Duration = Duration::from_millis(500);
/// Messages taken at a time.
const BATCH: u32 = 64;
/// Messages tried at the same time: one slow message does not hold up the others.
const CONCURRENCY: usize = 16;

type Handlers = HashMap<&'static str, Arc<dyn Handler>>;

pub(super) async fn poll(shared: Shared, service: &'static str, handlers: Handlers) {
    while shared.pause(POLL).await {
        if let Err(error) = round(&shared, &handlers).await {
            tracing::warn!(
                service,
                error = error_chain(&error),
                "deferred messages cannot be read or kept; trying again shortly"
            );
        }
    }
}

async fn round(shared: &Shared, handlers: &Handlers) -> Result<(), StoreError> {
    let due = shared.deferred.due(shared.clock.now(), BATCH).await?;
    let tries = due
        .into_iter()
        .map(|deferred| retry(shared, handlers, deferred));
    let mut tries = futures_util::stream::iter(tries).buffer_unordered(CONCURRENCY);
    let mut result = Ok(());
    while let Some(tried) = tries.next().await {
        result = result.and(tried);
    }
    result
}

async fn retry(
    shared: &Shared,
    handlers: &Handlers,
    deferred: DeferredMessage,
) -> Result<(), StoreError> {
    let DeferredMessage {
        message,
        queue,
        attempts,
    } = deferred;
    if shared.draining.is_cancelled() {
        return Ok(());
    }
    let store = &shared.deferred;
    let outcome = match handlers.get(queue.as_str()) {
        Some(handler) => run(&queue, &message, &**handler).await,
        None => Outcome::Park(format!("this service has no handler for {queue}")),
    };
    let now = shared.clock.now();
    match outcome {
        Outcome::Done => store.resolve(&message.id).await,
        Outcome::Unavailable(_) => Ok(()),
        Outcome::Park(reason) => store.park(&queue, message, &reason, now).await,
        Outcome::Retry(reason) => {
            let attempts = attempts.saturating_add(1);
            let Some(wait) = wait_after(attempts) else {
                tracing::warn!(
                    queue,
                    id = message.id,
                    reason,
                    "a message is parked after its last try"
                );
                return store.park(&queue, message, &reason, now).await;
            };
            let next_at = now.plus(wait);
            store
                .reschedule(&message.id, attempts, &reason, next_at)
                .await
        }
    }
}
