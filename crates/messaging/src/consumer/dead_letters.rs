//! Parks what the broker gave up on.

use service_kit::error_chain;

use super::Shared;
use crate::broker::Delivery;
use crate::handler::Outcome;
use crate::retry::until_back;

/// Dead letters are rare: a few at a time.
const PREFETCH: u16 = 16;

pub(super) async fn consume(shared: Shared, queue: String) {
    let mut subscription = None;
    let mut waits = until_back();
    loop {
        let parked = match shared.next(&queue, PREFETCH, &mut subscription).await {
            Ok(Some(delivery)) => park(&shared, delivery).await,
            Ok(None) => return,
            Err(error) => Err(error_chain(&error)),
        };
        match parked {
            Ok(()) => waits = until_back(),
            Err(reason) => {
                tracing::warn!(queue, reason, "the dead letters cannot be kept yet");
                subscription = None;
                shared.pause(waits.next().unwrap_or_default()).await;
            }
        }
    }
}

async fn park(shared: &Shared, delivery: Delivery) -> Result<(), String> {
    let reason =
        "delivery_limit: handed out again and again without an end; it may kill the process";
    let outcome = Outcome::Park(reason.to_owned());
    shared
        .keep(&delivery.queue, &delivery.message, outcome)
        .await?;
    delivery
        .ack()
        .await
        .map(|_| ())
        .map_err(|error| error_chain(&error))
}
