//! The outbox relay: publishes what was committed, and stamps what was confirmed.
//!
//! A crash at any line below repeats a publish with the same id, and consumers' inboxes make that harmless. Nothing is
//! stamped that the broker did not confirm. No order is promised (`docs/architecture.md`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use contracts::{Clock, EventType, topology};
use service_kit::{Detail, Health, Lifecycle, crash_point, error_chain};
use store_kit::StoreError;

use crate::broker::{Broker, BrokerError};
use crate::message::Message;
use crate::outbox::{OutboxStore, Poke};
use crate::retry::until_back;

/// Events published in one go.
const BATCH: u32 = 256;
/// How long a claim holds if the relay that made it dies.
const LEASE: Duration = Duration::from_secs(30);
/// How long the broker may take to confirm a batch; less than the lease, so that no batch has two owners.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(20);
/// How often to look without being poked.
const POLL: Duration = Duration::from_secs(1);
/// When an event that has consumers but reached none is tried again.
const UNROUTABLE_WAIT: Duration = Duration::from_secs(10);

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
        while !draining.is_cancelled() {
            let (wait, may_be_poked) = match relay.publish_batch().await {
                Ok(published) => {
                    waits = until_back();
                    if published > 0 {
                        health.set_detail("broker", Detail::Ok);
                        continue;
                    }
                    health.set_detail("broker", relay.detail());
                    (POLL, true)
                }
                Err(error) => {
                    let reason = error_chain(&error);
                    tracing::warn!(service = relay.service, %reason, "events wait in the outbox");
                    health.set_detail("broker", Detail::Degraded { reason });
                    // More events do not bring the broker back: trying for each would only load the store.
                    (waits.next().unwrap_or(POLL), false)
                }
            };
            tokio::select! {
                () = draining.cancelled() => {}
                () = poke.poked(), if may_be_poked => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    });
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

    /// Publishes what waits, at most one batch; returns how many it took on.
    async fn publish_batch(&self) -> Result<usize, RelayError> {
        let batch = self.outbox.claim(BATCH, LEASE, self.clock.now()).await?;
        if batch.is_empty() {
            return Ok(0);
        }
        crash_point("relay.after_claim");
        let claimed = batch.len();
        let ids: Vec<(String, String)> = batch
            .iter()
            .map(|message| (message.id.clone(), message.event_type.clone()))
            .collect();
        let delivered = match self.publish(batch).await {
            Ok(delivered) => delivered,
            Err(error) => {
                let ids = ids.into_iter().map(|(id, _)| id).collect();
                self.outbox.release(ids, self.clock.now()).await?;
                return Err(error);
            }
        };
        crash_point("relay.after_confirm");
        self.settle(ids, &delivered).await?;
        crash_point("relay.after_stamp");
        Ok(claimed)
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<HashSet<String>, RelayError> {
        let publishing = tokio::time::timeout(CONFIRM_DEADLINE, self.broker.publish(batch));
        let delivered = publishing.await.map_err(|_| RelayError::Unconfirmed)??;
        crash_point("relay.after_publish");
        Ok(delivered)
    }

    /// Stamps what reached a queue, and what nobody listens to. What should have reached a queue and did not is kept.
    async fn settle(
        &self,
        ids: Vec<(String, String)>,
        delivered: &HashSet<String>,
    ) -> Result<(), RelayError> {
        let (told, lost): (Vec<_>, Vec<_>) = ids
            .into_iter()
            .partition(|(id, event_type)| delivered.contains(id) || !has_consumers(event_type));
        let now = self.clock.now();
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
