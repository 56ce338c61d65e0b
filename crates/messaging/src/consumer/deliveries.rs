//! The consumer of one queue.

use std::sync::Arc;

use service_kit::{crash_point, error_chain};
use tokio::task::JoinSet;

use super::run::run;
use super::{ConsumerSettings, Shared};
use crate::broker::Delivery;
use crate::handler::Handler;
use crate::retry::until_back;

pub(super) async fn consume(
    shared: Shared,
    queue: &'static str,
    handler: Arc<dyn Handler>,
    settings: ConsumerSettings,
) {
    let limit = usize::from(settings.concurrency.max(1));
    let prefetch = settings.concurrency.saturating_mul(2);
    let mut working = JoinSet::new();
    let mut subscription = None;
    let mut waits = until_back();
    loop {
        while working.len() >= limit {
            working.join_next().await;
        }
        while working.try_join_next().is_some() {}
        match shared.next(queue, prefetch, &mut subscription).await {
            Ok(Some(delivery)) => {
                waits = until_back();
                let (shared, handler) = (shared.clone(), Arc::clone(&handler));
                working.spawn(async move { settle(&shared, queue, delivery, &*handler).await });
            }
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(
                    queue,
                    error = error_chain(&error),
                    "the queue cannot be read"
                );
                subscription = None;
                shared.pause(waits.next().unwrap_or_default()).await;
            }
        }
    }
    // What only waits in hand goes back to the queue at once, for other replicas; what was begun is finished.
    drop(subscription);
    while working.join_next().await.is_some() {}
}

/// Handles one delivery until it can be acknowledged.
async fn settle(shared: &Shared, queue: &'static str, delivery: Delivery, handler: &dyn Handler) {
    crash_point(&format_args!("consumer.{queue}.on_receipt"));
    let mut waits = until_back();
    let mut last_reason = String::new();
    loop {
        let outcome = run(queue, &delivery.message, handler).await;
        let Err(reason) = shared.keep(queue, &delivery.message, outcome).await else {
            break;
        };
        if reason != last_reason {
            tracing::warn!(queue, reason, "the store is away; the consumer waits");
            last_reason = reason;
        }
        if !shared.pause(waits.next().unwrap_or_default()).await {
            return;
        }
    }
    crash_point(&format_args!("consumer.{queue}.after_commit"));
    match delivery.ack().await {
        Ok(true) => {}
        Ok(false) => metrics::counter!("shop_late_acks_total", "queue" => queue).increment(1),
        Err(error) => {
            let error = error_chain(&error);
            tracing::debug!(
                queue,
                error,
                "an acknowledgement was lost; the message comes again"
            );
            // It comes at once: without a pause a broker that cannot write would be asked in circles.
            shared.pause(waits.next().unwrap_or_default()).await;
        }
    }
    crash_point(&format_args!("consumer.{queue}.after_ack"));
}
