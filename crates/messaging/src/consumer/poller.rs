//! Tries deferred messages again when their time has come.
//!
//! A message that kills the process must neither come back for ever nor take others with it. So a try is counted when it
//! begins; a message whose last try has no end is a suspect, and is tried when nothing else is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use service_kit::error_chain;
use store_kit::StoreError;

use super::Shared;
use super::run::{DEADLINE, run};
use crate::deferred::{DeferredMessage, LEASE};
use crate::handler::{Handler, Outcome};
use crate::retry::{TRIES, until_back, wait_after};

/// How often to look.
const POLL: Duration = Duration::from_millis(500);
/// Messages taken at a time. They are all begun at once: so no lease ends while its message still waits for another's end.
const BATCH: u32 = 16;
/// What was begun ends, and is written down, well before its lease does.
const _: () = assert!(LEASE.as_secs() >= 2 * DEADLINE.as_secs());
/// When something that could not be tried is tried again.
const AGAIN: Duration = Duration::from_secs(1);

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
    let tries = due.iter().map(|due| retry(shared, handlers, due));
    join_all(tries)
        .await
        .into_iter()
        .collect::<Result<(), _>>()?;
    if let Some(suspect) = shared.deferred.suspect(shared.clock.now()).await? {
        retry(shared, handlers, &suspect).await?;
    }
    Ok(())
}

async fn retry(
    shared: &Shared,
    handlers: &Handlers,
    due: &DeferredMessage,
) -> Result<(), StoreError> {
    let outcome = if due.attempts > TRIES {
        Outcome::Park(
            "its last try came to no end; it may kill the process, or the process was killed each time".to_owned(),
        )
    } else if shared.draining.is_cancelled() {
        Outcome::Unavailable("the service stops".to_owned())
    } else if let Some(handler) = handlers.get(due.queue.as_str()) {
        run(&due.queue, &due.message, &**handler).await
    } else {
        Outcome::Park(format!("this service has no handler for {}", due.queue))
    };
    // A store that fails just now would leave a suspect behind that is none.
    let mut waits = until_back();
    loop {
        let Err(error) = keep(shared, due, &outcome).await else {
            return Ok(());
        };
        if !shared.pause(waits.next().unwrap_or_default()).await {
            return Err(error);
        }
    }
}

/// Writes down how a try ended.
async fn keep(shared: &Shared, due: &DeferredMessage, outcome: &Outcome) -> Result<(), StoreError> {
    let (store, now) = (&shared.deferred, shared.clock.now());
    match outcome {
        Outcome::Done => store.resolve(due).await,
        Outcome::Unavailable(_) => store.give_back(due, now.plus(AGAIN)).await,
        Outcome::Park(reason) => {
            tracing::warn!(
                queue = due.queue,
                id = due.message.id,
                reason,
                "a message is parked"
            );
            store.give_up(due, reason, now).await
        }
        Outcome::Retry(reason) => {
            if let Some(wait) = wait_after(due.attempts) {
                return store.reschedule(due, reason, now.plus(wait)).await;
            }
            tracing::warn!(
                queue = due.queue,
                id = due.message.id,
                reason,
                "a message is parked after its last try"
            );
            store.give_up(due, reason, now).await
        }
    }
}
