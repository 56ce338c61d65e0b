//! What this service does by itself.

use std::sync::Arc;
use std::time::Duration;

use contracts::events::order::OrderStatus;
use messaging::OutboxStore;
use service_kit::{Lifecycle, error_chain};

use crate::backlog::Backlog;
use crate::domain;
use crate::store::OrderStore;
use crate::sweeper::{self, Sweeper};

/// How often the outbox is counted.
const COUNT_OUTBOX_EVERY: Duration = Duration::from_secs(1);
/// How often orders are counted for the metric.
const COUNT_ORDERS_EVERY: Duration = Duration::from_secs(15);
/// Moves overdue orders on.
pub fn spawn_sweeper(lifecycle: &Lifecycle, sweeper: Sweeper) {
    lifecycle.repeat("sweeper", sweeper::INTERVAL, move || {
        let sweeper = sweeper.clone();
        async move {
            if let Err(error) = sweeper.sweep().await {
                let error = error_chain(&error);
                tracing::warn!(
                    error,
                    "overdue orders were not moved on; trying again shortly"
                );
            }
        }
    });
}

/// Keeps the estimate behind the outbox cap close to the truth.
pub fn spawn_backlog_count(
    lifecycle: &Lifecycle,
    outbox: Arc<dyn OutboxStore>,
    backlog: Arc<Backlog>,
) {
    lifecycle.repeat("backlog", COUNT_OUTBOX_EVERY, move || {
        let (outbox, backlog) = (Arc::clone(&outbox), Arc::clone(&backlog));
        async move {
            let accepted = backlog.accepted();
            match outbox.outbox_stats().await {
                Ok(stats) => backlog.counted(stats.pending, accepted),
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(error, "the outbox could not be counted");
                }
            }
        }
    });
}

/// Keeps `shop_orders{status}`, of orders in progress: those that are done grow for ever, and would take ever longer to count.
pub fn spawn_order_count(lifecycle: &Lifecycle, store: Arc<dyn OrderStore>) {
    lifecycle.repeat("order-count", COUNT_ORDERS_EVERY, move || {
        let store = Arc::clone(&store);
        async move {
            match store.count_by_status().await {
                Ok(counts) => show(&counts),
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(error, "orders could not be counted");
                }
            }
        }
    });
}

fn show(counts: &[(OrderStatus, u64)]) {
    for status in domain::in_progress() {
        let count = counts.iter().find(|(counted, _)| *counted == status);
        let count = count.map_or(0, |(_, count)| *count);
        // Exact up to 2^32 orders in one status, and close enough beyond.
        let value = u32::try_from(count).map_or(f64::from(u32::MAX), f64::from);
        metrics::gauge!("shop_orders", "status" => status.as_str()).set(value);
    }
}
