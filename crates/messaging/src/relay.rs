//! The outbox relay: publishes what was committed, and stamps what was confirmed.
//!
//! A crash at any line below repeats a publish with the same id, and consumers' inboxes make that harmless. Nothing is
//! stamped that the broker did not confirm. No order is promised (`docs/architecture.md`).

use std::sync::Arc;
use std::time::Duration;

use contracts::{Clock, EventType, topology};
use service_kit::{Detail, Health, Lifecycle, crash_point, error_chain};
use store_kit::StoreError;
use tokio::time::Instant;

use crate::broker::{Broker, BrokerError, Confirms};
use crate::handoff::Handoff;
use crate::message::Message;
use crate::outbox::{OutboxStore, Poke};
use crate::retry::until_back;

/// Events published in one go.
const BATCH: usize = 256;
/// Those of them that were handed over, when there is a look at the store too: what waits there must not wait for as long as
/// commits hand over more than can be published.
const BESIDE_A_LOOK: usize = BATCH / 2;
/// How long a claim holds if the relay that made it dies.
const LEASE: Duration = Duration::from_secs(30);
/// How long the broker may take to confirm a batch; less than the lease, so that no batch has two owners.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(20);
/// How often to look without being poked.
const POLL: Duration = Duration::from_secs(1);
/// When an event that has consumers but reached none is tried again.
const UNROUTABLE_WAIT: Duration = Duration::from_secs(10);
/// When an event that the broker could not take is tried again: other queues have it already, and get it once more each time.
const REFUSED_WAIT: Duration = Duration::from_secs(10);

/// How long the end waits for commands that are just committing events.
const LAST_COMMITS: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the outbox cannot be read or stamped")]
    Outbox(#[from] StoreError),
    #[error("the broker did not take the events")]
    Broker(#[from] BrokerError),
    #[error("the broker did not confirm within {CONFIRM_DEADLINE:?}")]
    Unconfirmed,
}

struct Relay {
    broker: Arc<dyn Broker>,
    outbox: Arc<dyn OutboxStore>,
    clock: Arc<dyn Clock>,
    service: &'static str,
}

/// Starts the relay of one service as a task of its lifecycle.
pub fn spawn_relay(
    lifecycle: &Lifecycle,
    health: &Health,
    broker: Arc<dyn Broker>,
    outbox: Arc<dyn OutboxStore>,
    poke: Poke,
    clock: Arc<dyn Clock>,
) {
    let relay = Relay {
        broker,
        outbox,
        clock,
        service: lifecycle.name(),
    };
    let (draining, health) = (lifecycle.token(), health.clone());
    lifecycle.spawn("outbox-relay", async move {
        let mut waits = until_back();
        let mut looked: Option<Instant> = None;
        let mut poked = false;
        while !draining.is_cancelled() {
            // What is handed over need not be looked for.
            let overdue = looked.is_none_or(|looked| looked.elapsed() >= POLL);
            let look = overdue || (poked && relay.is_handed_nothing());
            if look {
                looked = Some(Instant::now());
            }
            let (wait, may_be_poked) = match relay.publish_batch(look).await {
                Ok(published) => {
                    waits = until_back();
                    relay.open();
                    let detail = if published.refused > 0 {
                        let reason = format!(
                            "RabbitMQ refuses events: {} of {} wait; is a queue full?",
                            published.refused, published.events
                        );
                        Detail::Degraded { reason }
                    } else if published.events > 0 {
                        Detail::Ok
                    } else {
                        relay.detail()
                    };
                    health.set_detail("broker", detail);
                    if published.more {
                        looked = None;
                        continue;
                    }
                    if !relay.is_handed_nothing() {
                        continue;
                    }
                    (POLL, true)
                }
                Err(error) => {
                    let reason = error_chain(&error);
                    tracing::warn!(service = relay.service, %reason, "events wait in the outbox");
                    health.set_detail("broker", Detail::Degraded { reason });
                    relay.give_back().await;
                    looked = None;
                    // More events do not bring the broker back: trying for each would only load the store.
                    (waits.next().unwrap_or(POLL), false)
                }
            };
            poked = tokio::select! {
                () = draining.cancelled() => false,
                () = poke.poked(), if may_be_poked => true,
                () = tokio::time::sleep(wait) => false,
            };
        }
        relay.give_back_all().await;
    });
}

/// What one round published.
struct Published {
    events: usize,
    /// Of these the broker could not take so many.
    refused: usize,
    /// More wait in the outbox.
    more: bool,
}

impl Relay {
    /// How the broker stands while there is nothing to publish.
    fn detail(&self) -> Detail {
        match self.broker.trouble() {
            None => Detail::Ok,
            Some(trouble) => Detail::Degraded {
                reason: error_chain(&trouble),
            },
        }
    }

    fn open(&self) {
        if let Some(handoff) = self.outbox.handoff() {
            handoff.open();
        }
    }

    fn is_handed_nothing(&self) -> bool {
        self.outbox.handoff().is_none_or(Handoff::is_empty)
    }

    /// Leaves to any relay what was handed over to this one.
    async fn give_back(&self) {
        let Some(handoff) = self.outbox.handoff() else {
            return;
        };
        handoff.close();
        let waiting = handoff.take(usize::MAX, self.clock.now());
        if waiting.is_empty() {
            return;
        }
        let ids = waiting.into_iter().map(|message| message.id).collect();
        if let Err(error) = self.outbox.release(ids, self.clock.now()).await {
            // They are free when their lease ends.
            let error = error_chain(&error);
            tracing::debug!(
                service = self.service,
                error,
                "events wait for the end of their lease"
            );
        }
    }

    /// The same at the end, also with what is just being committed.
    async fn give_back_all(&self) {
        let begun = Instant::now();
        self.give_back().await;
        while self
            .outbox
            .handoff()
            .is_some_and(|handoff| !handoff.is_idle())
            && begun.elapsed() < LAST_COMMITS
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.give_back().await;
        }
    }

    /// Publishes what waits, at most one batch: what was handed over, and what a look finds.
    async fn publish_batch(&self, look: bool) -> Result<Published, RelayError> {
        let most = if look { BESIDE_A_LOOK } else { BATCH };
        let now = self.clock.now();
        let handoff = self.outbox.handoff();
        let mut batch = handoff.map_or_else(Vec::new, |handoff| handoff.take(most, now));
        let mut more = false;
        let room = u32::try_from(BATCH.saturating_sub(batch.len())).unwrap_or(0);
        if look {
            let found = match self.outbox.claim(room, LEASE, now).await {
                Ok(found) => found,
                Err(error) => {
                    let ids = batch.into_iter().map(|message| message.id).collect();
                    self.outbox.release(ids, self.clock.now()).await?;
                    return Err(error.into());
                }
            };
            more = u32::try_from(found.len()) == Ok(room);
            batch.extend(found);
        }
        if batch.is_empty() {
            return Ok(Published {
                events: 0,
                refused: 0,
                more,
            });
        }
        crash_point("relay.after_claim");
        let events = batch.len();
        let ids: Vec<(String, String)> = batch
            .iter()
            .map(|message| (message.id.clone(), message.event_type.clone()))
            .collect();
        let confirms = match self.publish(batch).await {
            Ok(confirms) => confirms,
            Err(error) => {
                let ids = ids.into_iter().map(|(id, _)| id).collect();
                self.outbox.release(ids, self.clock.now()).await?;
                return Err(error);
            }
        };
        crash_point("relay.after_confirm");
        self.settle(ids, &confirms).await?;
        crash_point("relay.after_stamp");
        Ok(Published {
            events,
            refused: confirms.refused.len(),
            more,
        })
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, RelayError> {
        let publishing = tokio::time::timeout(CONFIRM_DEADLINE, self.broker.publish(batch));
        let confirms = publishing.await.map_err(|_| RelayError::Unconfirmed)??;
        crash_point("relay.after_publish");
        Ok(confirms)
    }

    /// Stamps what reached a queue, and what nobody listens to. What should have reached a queue and did not is kept, and so is what
    /// the broker refused: somebody may listen whom this project does not know.
    async fn settle(
        &self,
        ids: Vec<(String, String)>,
        confirms: &Confirms,
    ) -> Result<(), RelayError> {
        let (refused, taken): (Vec<_>, Vec<_>) = ids
            .into_iter()
            .partition(|(id, _)| confirms.refused.contains(id));
        let (told, lost): (Vec<_>, Vec<_>) = taken.into_iter().partition(|(id, event_type)| {
            confirms.reached.contains(id) || !has_consumers(event_type)
        });
        let now = self.clock.now();
        if !refused.is_empty() {
            tracing::warn!(
                service = self.service,
                events = refused.len(),
                "RabbitMQ did not take events, they are told again: is a queue full that refuses what is too much for it \
                 (`overflow: reject-publish`), or is the broker stopping?"
            );
            metrics::counter!("shop_refused_events_total", "service" => self.service)
                .increment(u64::try_from(refused.len()).unwrap_or(0));
            let ids = refused.into_iter().map(|(id, _)| id).collect();
            self.outbox.release(ids, now.plus(REFUSED_WAIT)).await?;
        }
        if !lost.is_empty() {
            tracing::error!(
                service = self.service,
                events = lost.len(),
                "events reached no queue although their types have consumers; are all queues declared?"
            );
            metrics::counter!("shop_unroutable_events_total", "service" => self.service)
                .increment(u64::try_from(lost.len()).unwrap_or(0));
            let ids = lost.into_iter().map(|(id, _)| id).collect();
            self.outbox.release(ids, now.plus(UNROUTABLE_WAIT)).await?;
        }
        let ids = told.into_iter().map(|(id, _)| id).collect();
        self.outbox.mark_published(ids, now).await?;
        Ok(())
    }
}

fn has_consumers(event_type: &str) -> bool {
    event_type
        .parse::<EventType>()
        .is_ok_and(|event_type| topology::consumers_of(event_type).next().is_some())
}
