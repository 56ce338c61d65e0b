//! Parks what the broker gave up on, and what a consumer gave up because the store refused to keep it.

use std::time::Duration;

use service_kit::error_chain;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{NotKept, Shared};
use crate::broker::{DeadLetter, Delivery};
use crate::handler::Outcome;
use crate::retry::until_back;

/// Parked at a time; so many that the store refuses, and the others wait with them.
const PREFETCH: u16 = 64;
/// How long one that cannot be parked stays in hand: RabbitMQ breaks with a consumer that holds a message for half an hour.
const IN_HAND: Duration = Duration::from_mins(10);

pub(super) async fn consume(shared: Shared, queue: String) {
    let mut parking = JoinSet::new();
    let mut subscription = None;
    let mut waits = until_back();
    loop {
        while parking.len() >= usize::from(PREFETCH) {
            parking.join_next().await;
        }
        while parking.try_join_next().is_some() {}
        match shared.next(&queue, PREFETCH, &mut subscription).await {
            Ok(Some(delivery)) => {
                waits = until_back();
                let shared = shared.clone();
                // In a task of its own: one that the store refuses must not keep those behind it from being parked.
                parking.spawn(async move { park(&shared, delivery).await });
            }
            Ok(None) => break,
            Err(error) => {
                let error = error_chain(&error);
                tracing::warn!(queue, error, "the dead letters cannot be read");
                subscription = None;
                shared.pause(waits.next().unwrap_or_default()).await;
            }
        }
    }
    drop(subscription);
    while parking.join_next().await.is_some() {}
}

/// Parks a dead letter. Until the store keeps it, it stays with the broker.
async fn park(shared: &Shared, delivery: Delivery) {
    let given_back_at = Instant::now() + IN_HAND;
    let mut waits = until_back();
    let mut last_reason = String::new();
    loop {
        let outcome = Outcome::Park(why(&delivery).to_owned());
        let kept = shared
            .keep(&delivery.queue, &delivery.message, outcome)
            .await;
        let Err(NotKept::Away(reason) | NotKept::Refused(reason)) = kept else {
            break;
        };
        if reason != last_reason {
            let (queue, id) = (&delivery.queue, &delivery.message.id);
            tracing::warn!(queue, id, reason, "a dead letter cannot be parked yet");
            last_reason = reason;
        }
        let goes_on = shared.pause(waits.next().unwrap_or_default()).await;
        if !goes_on || Instant::now() >= given_back_at {
            return;
        }
    }
    let queue = delivery.queue.clone();
    if let Err(error) = delivery.ack().await {
        shared.comes_again(&queue, &error).await;
    }
}

fn why(delivery: &Delivery) -> &'static str {
    match delivery.dead_letter {
        Some(DeadLetter::GivenUp) => {
            "given_up: this service's store refused to keep it when it was handled; see the log of that time"
        }
        Some(DeadLetter::DeliveryLimit) | None => {
            "delivery_limit: handed out again and again without an end; it may kill the process"
        }
    }
}
