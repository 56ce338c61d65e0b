//! What this service does by itself, besides sending and tailing.

use std::sync::Arc;
use std::time::Duration;

use service_kit::{Lifecycle, Present, error_chain};

use crate::domain::{Channel, DeliveryState};
use crate::settings::RetentionSettings;
use crate::store::{NotificationStore, StoreFailure};

/// How often deliveries are counted for the metric.
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// How often old rows are looked for.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// Rows of each kind removed in one transaction.
const SWEEP_BATCH: u32 = 500;
const DAY: Duration = Duration::from_hours(24);

/// Adds to `shop_deliveries_ended_total{channel,state}`: what this process has ended.
pub(crate) fn count_ended(channel: Channel, state: DeliveryState, count: u64) {
    metrics::counter!("shop_deliveries_ended_total", "channel" => channel.as_str(), "state" => state.as_str())
        .increment(count);
}

/// Keeps `shop_deliveries{channel,state}`: how many are on their way.
pub(crate) fn spawn_delivery_count(lifecycle: &Lifecycle, store: Arc<dyn NotificationStore>) {
    lifecycle.repeat("delivery-count", COUNT_EVERY, move || {
        let store = Arc::clone(&store);
        async move {
            match store.count_on_their_way().await {
                Ok(counts) => show(&counts),
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(error, "deliveries could not be counted");
                }
            }
        }
    });
}

fn show(counts: &[(Channel, DeliveryState, u64)]) {
    for channel in Channel::ALL {
        for state in DeliveryState::ON_THEIR_WAY {
            let count = counts
                .iter()
                .find(|(counted, in_state, _)| (*counted, *in_state) == (channel, state));
            let count = count.map_or(0, |(_, _, count)| *count);
            // Exact up to 2^32, and close enough beyond.
            let value = u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
            metrics::gauge!("shop_deliveries", "channel" => channel.as_str(), "state" => state.as_str())
                .set(value);
        }
    }
}

/// Removes what is older than it is to be kept.
pub(crate) fn spawn_sweeper(
    lifecycle: &Lifecycle,
    store: Arc<dyn NotificationStore>,
    present: Present,
    retention: RetentionSettings,
) {
    let draining = lifecycle.token();
    lifecycle.repeat("sweeper", SWEEP_EVERY, move || {
        let (store, present, draining) = (Arc::clone(&store), present.clone(), draining.clone());
        async move {
            while !draining.is_cancelled() {
                match sweep(&*store, &present, retention).await {
                    Ok(0) => return,
                    Ok(rows) => tracing::debug!(rows, "old notifications and deliveries removed"),
                    Err(error) => {
                        let error = error_chain(&error);
                        tracing::warn!(error, "old rows could not be removed");
                        return;
                    }
                }
            }
        }
    });
}

async fn sweep(
    store: &dyn NotificationStore,
    present: &Present,
    retention: RetentionSettings,
) -> Result<usize, StoreFailure> {
    let now = present.now();
    let deliveries = now.minus(DAY * retention.deliveries_days);
    let notifications = now.minus(DAY * retention.notifications_days);
    store.sweep(deliveries, notifications, SWEEP_BATCH).await
}
