//! Keeps a service's messaging tables small and its gauges true.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Clock, Timestamp};
use service_kit::{Lifecycle, error_chain};
use store_kit::StoreError;

use crate::deferred::DeferredStore;
use crate::outbox::OutboxStore;

/// How often the gauges are set.
const PERIOD: Duration = Duration::from_secs(5);
/// Old rows are swept every so many periods: every ten minutes.
const SWEEP_EVERY: u32 = 120;

/// Everything the messaging tables of one service can do.
#[async_trait]
pub trait MessageStore: OutboxStore + DeferredStore {
    /// Removes a batch of what is too old to matter: published events after 24 hours, inbox rows after 30 days unless
    /// their message is deferred or parked and may be tried again, and kept replies to idempotent requests after 48 hours. Returns how many rows; zero when nothing is left.
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError>;
}

/// Starts the upkeep as a task of the lifecycle.
pub fn spawn_upkeep(lifecycle: &Lifecycle, store: Arc<dyn MessageStore>, clock: Arc<dyn Clock>) {
    let (service, draining) = (lifecycle.name(), lifecycle.token());
    lifecycle.spawn("message-upkeep", async move {
        let mut period = 0_u32;
        while !draining.is_cancelled() {
            let mut result = set_gauges(service, &*store, &*clock).await;
            if result.is_ok() && period.is_multiple_of(SWEEP_EVERY) {
                result = sweep_all(&*store, &*clock).await;
            }
            if let Err(error) = result {
                tracing::warn!(
                    service,
                    error = error_chain(&error),
                    "upkeep of the messaging tables failed"
                );
            }
            period = period.wrapping_add(1);
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    });
}

async fn sweep_all(store: &dyn MessageStore, clock: &dyn Clock) -> Result<(), StoreError> {
    while store.sweep(clock.now()).await? > 0 {}
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "gauges are floating point; counts stay far below 2^52"
)]
async fn set_gauges(
    service: &'static str,
    store: &dyn MessageStore,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let outbox = store.outbox_stats().await?;
    let age = outbox
        .oldest
        .map_or(0.0, |oldest| clock.now().since(oldest).as_secs_f64());
    metrics::gauge!("shop_outbox_oldest_seconds", "service" => service).set(age);
    metrics::gauge!("shop_outbox_pending", "service" => service).set(outbox.pending as f64);
    let deferred = store.deferred_stats().await?;
    metrics::gauge!("shop_deferred_messages", "service" => service).set(deferred.deferred as f64);
    metrics::gauge!("shop_parked_messages", "service" => service).set(deferred.parked as f64);
    Ok(())
}
