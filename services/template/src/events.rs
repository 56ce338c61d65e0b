//! What the service hears: `order.delivered.v1`, in a queue of its own. Who was delivered something may review it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::topology::Binding;
use contracts::{Clock, Event, EventType, Payload};
use messaging::{Handler, Message, Outcome};
use service_kit::error_chain;

use crate::store::Store;

pub(crate) const QUEUE: &str = "reviews.orders";

/// Each type has to stand under `hears` in the manifest, too.
pub(crate) const BINDINGS: &[Binding] = &[Binding {
    queue: QUEUE,
    types: &[EventType::OrderDelivered],
}];

pub(crate) struct DeliveredHandler {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler for DeliveredHandler {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        let Payload::OrderDelivered(delivered) = event.payload else {
            return Outcome::Done;
        };
        let now = self.clock.now();
        match self.store.allow(&message.id, &delivered.order, now).await {
            Ok(()) => Outcome::Done,
            // While the server is away nothing is acknowledged, and no try is counted.
            Err(error) if error.is_away() => Outcome::Unavailable(error_chain(&error)),
            Err(error) => Outcome::Retry(error_chain(&error)),
        }
    }
}
