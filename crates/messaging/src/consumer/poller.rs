//! Tries deferred messages again when their time has come.
//!
//! A message that kills the process must neither come back for ever nor take others with it. So a try is counted when it
//! begins; a message whose last try has no end is a suspect, and is tried when nothing else is. Its process may have been
//! killed for another reason, or its store was away when it should have said the end: so a suspect is tried alone, also
//! after its last try, and is parked only when several tries alone came to no end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use service_kit::error_chain;
use store_kit::StoreError;
use tokio::task::JoinSet;

use super::Shared;
use super::run::{DEADLINE, run};
use crate::deferred::{DeferredMessage, LEASE};
use crate::handler::{Handler, Outcome};
use crate::retry::{TRIES, until_back, wait_after};

/// How often to look.
const POLL: Duration = Duration::from_millis(500);
/// Messages tried at a time. What is taken is begun at once: so no lease ends while its message still waits for another's end.
const PLACES: usize = 16;
/// So many messages in a row, and what is under way comes to its end, so that suspects have a turn too.
const IN_A_ROW: usize = 256;
/// Tries alone without an end that make a killer of a suspect. One may be an outage's doing, or even two.
const ALONE: u32 = 3;
/// What was begun ends, and is written down, well before its lease does.
const _: () = assert!(LEASE.as_secs() >= 2 * DEADLINE.as_secs());
/// When something that could not be tried is tried again.
const AGAIN: Duration = Duration::from_secs(1);

type Handlers = HashMap<&'static str, Arc<dyn Handler>>;

pub(super) async fn poll(shared: Shared, service: &'static str, handlers: Handlers) {
    let mut trials = Trials {
        court: Arc::new(Court {
            shared: shared.clone(),
            handlers,
        }),
        under_way: JoinSet::new(),
        in_a_row: 0,
    };
    let mut wait = POLL;
    while shared.pause(wait).await {
        wait = match trials.round().await {
            Ok(Left::Perhaps) => Duration::ZERO,
            Ok(Left::Nothing) => POLL,
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(
                    service,
                    error,
                    "deferred messages cannot be read; trying again shortly"
                );
                POLL
            }
        };
    }
    trials.until_all_ended().await;
}

/// Whether there may be more to do at once.
enum Left {
    Perhaps,
    Nothing,
}

/// What is tried at present.
struct Trials {
    court: Arc<Court>,
    under_way: JoinSet<()>,
    /// Begun since suspects had their last turn.
    in_a_row: usize,
}

impl Trials {
    /// Begins what is due, as far as there are places; when nothing is under way, tries one suspect.
    async fn round(&mut self) -> Result<Left, StoreError> {
        while self.under_way.try_join_next().is_some() {}
        let is_the_suspects_turn = self.in_a_row >= IN_A_ROW;
        if is_the_suspects_turn {
            self.until_all_ended().await;
        } else {
            let places = PLACES.saturating_sub(self.under_way.len());
            if self.begin(places).await? == places {
                self.under_way.join_next().await;
                return Ok(Left::Perhaps);
            }
        }
        if !self.under_way.is_empty() {
            return Ok(Left::Nothing);
        }
        self.in_a_row = 0;
        let shared = &self.court.shared;
        let Some(suspect) = shared.deferred.suspect(shared.clock.now()).await? else {
            // The others only made way.
            return Ok(if is_the_suspects_turn {
                Left::Perhaps
            } else {
                Left::Nothing
            });
        };
        self.court.retry(&suspect).await;
        Ok(Left::Perhaps)
    }

    /// Begins so many at most; returns how many there were.
    async fn begin(&mut self, places: usize) -> Result<usize, StoreError> {
        let shared = &self.court.shared;
        let limit = u32::try_from(places).unwrap_or(u32::MAX);
        let due = shared.deferred.due(shared.clock.now(), limit).await?;
        let begun = due.len();
        for due in due {
            let court = Arc::clone(&self.court);
            self.under_way.spawn(async move { court.retry(&due).await });
        }
        self.in_a_row = self.in_a_row.saturating_add(begun);
        Ok(begun)
    }

    async fn until_all_ended(&mut self) {
        while self.under_way.join_next().await.is_some() {}
    }
}

/// What all tries share.
struct Court {
    shared: Shared,
    handlers: Handlers,
}

impl Court {
    /// Tries a message, and writes down how that ended. A store that fails just now would leave a suspect behind that is none.
    async fn retry(&self, due: &DeferredMessage) {
        let outcome = self.outcome(due).await;
        let mut waits = until_back();
        while let Err(error) = self.keep(due, &outcome).await {
            let passes = error.is_away();
            tracing::warn!(
                queue = due.queue,
                id = due.message.id,
                error = error_chain(&error),
                passes,
                "the end of a try of a deferred message cannot be written down"
            );
            if !passes || !self.shared.pause(waits.next().unwrap_or_default()).await {
                return;
            }
        }
    }

    async fn outcome(&self, due: &DeferredMessage) -> Outcome {
        // The first try without an end was perhaps in company.
        if due.attempts > TRIES && due.unended > ALONE {
            Outcome::Park(
                "its last tries, alone, came to no end; it may kill the process, or the process was killed each time".to_owned(),
            )
        } else if self.shared.draining.is_cancelled() {
            Outcome::Unavailable("the service stops".to_owned())
        } else if let Some(handler) = self.handlers.get(due.queue.as_str()) {
            run(&due.queue, &due.message, &**handler).await
        } else {
            Outcome::Park(format!("this service has no handler for {}", due.queue))
        }
    }

    /// Writes down how a try ended.
    async fn keep(&self, due: &DeferredMessage, outcome: &Outcome) -> Result<(), StoreError> {
        let (store, now) = (&self.shared.deferred, self.shared.clock.now());
        match outcome {
            Outcome::Done => store.resolve(due).await,
            Outcome::Unavailable(_) => store.give_back(due, now.plus(AGAIN)).await,
            Outcome::Park(reason) => self.park(due, reason).await,
            Outcome::Retry(reason) => {
                if let Some(wait) = wait_after(due.attempts) {
                    return store.reschedule(due, reason, now.plus(wait)).await;
                }
                self.park(due, reason).await
            }
        }
    }

    async fn park(&self, due: &DeferredMessage, reason: &str) -> Result<(), StoreError> {
        let (queue, id, attempt) = (&due.queue, &due.message.id, due.attempts);
        tracing::warn!(queue, id, attempt, reason, "a message is parked");
        let now = self.shared.clock.now();
        self.shared.deferred.give_up(due, reason, now).await
    }
}
