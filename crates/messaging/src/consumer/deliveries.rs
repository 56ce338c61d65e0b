//! The consumer of one queue.

use std::sync::Arc;

use service_kit::{crash_point, error_chain};
use tokio::task::JoinSet;

use super::run::run;
use super::{ConsumerSettings, NotKept, Shared};
use crate::broker::Delivery;
use crate::handler::Handler;
use crate::retry::{TRIES, until_back};

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

/// Handles one delivery until it can be acknowledged, or until the store has refused to keep it as often as any message is
/// tried.
async fn settle(shared: &Shared, queue: &'static str, delivery: Delivery, handler: &dyn Handler) {
    crash_point(&format_args!("consumer.{queue}.on_receipt"));
    let mut waits = until_back();
    let mut refused = 0;
    let mut last_reason = String::new();
    loop {
        let outcome = run(queue, &delivery.message, handler).await;
        let reason = match shared.keep(queue, &delivery.message, outcome).await {
            Ok(()) => break,
            Err(NotKept::Away(reason)) => {
                if reason != last_reason {
                    tracing::warn!(queue, reason, "the store is away; the consumer waits");
                }
                reason
            }
            Err(NotKept::Refused(reason)) => {
                refused += 1;
                if refused == TRIES {
                    return give_up(shared, queue, delivery, &reason).await;
                }
                reason
            }
        };
        last_reason = reason;
        if !shared.pause(waits.next().unwrap_or_default()).await {
            return;
        }
    }
    crash_point(&format_args!("consumer.{queue}.after_commit"));
    match delivery.ack().await {
        Ok(true) => {}
        Ok(false) => metrics::counter!("shop_late_acks_total", "queue" => queue).increment(1),
        Err(error) => shared.comes_again(queue, &error).await,
    }
    crash_point(&format_args!("consumer.{queue}.after_ack"));
}

/// Leaves a message that the store does not keep to the broker, out of the way of the others.
async fn give_up(shared: &Shared, queue: &'static str, delivery: Delivery, reason: &str) {
    tracing::error!(
        queue,
        id = delivery.message.id,
        reason,
        "the store refuses to keep a message; it waits among the dead letters until the store does"
    );
    metrics::counter!("shop_refused_messages_total", "queue" => queue).increment(1);
    if let Err(error) = delivery.give_up().await {
        shared.comes_again(queue, &error).await;
    }
}
