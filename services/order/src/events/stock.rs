//! Queue `order.stock`: brings stock's answers to orders.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{Event, OrderId, Payload};
use messaging::{Handler, Message, Outcome, Poke};

use crate::domain::Input;
use crate::events::failed;
use crate::store::{Heard, OrderStore};
use crate::waiting::Waiting;
use service_kit::Present;

/// Hears `stock.reserved.v1`, `stock.rejected.v1`, `stock.released.v1` and `stock.hold_expired.v1`.
pub struct StockHandler {
    /// Where orders are kept.
    pub store: Arc<dyn OrderStore>,
    /// Requests that wait for an order.
    pub waiting: Waiting,
    /// Wakes the outbox relay.
    pub poke: Poke,
    /// Tells the time.
    pub present: Present,
}

#[async_trait]
impl Handler for StockHandler {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        let event_type = event.payload.event_type();
        let Some((order_id, input)) = input_of(event.payload) else {
            return Outcome::Park(format!("{event_type} does not belong here"));
        };
        let context = self.present.context();
        match self
            .store
            .hear_stock(message.id.clone(), order_id, input, context)
            .await
        {
            Ok(Heard::Changed(status)) => {
                self.poke.poke();
                self.waiting.wake(order_id);
                tracing::info!(%order_id, status = status.as_str(), "order changed");
                Outcome::Done
            }
            Ok(Heard::Repeated) => {
                self.poke.poke();
                tracing::info!(%order_id, question = %event_type, "stock's question answered again");
                Outcome::Done
            }
            Ok(Heard::Nothing) => Outcome::Done,
            Err(error) => failed(&error),
        }
    }
}

fn input_of(payload: Payload) -> Option<(OrderId, Input)> {
    match payload {
        Payload::StockReserved(stock) => Some((stock.order_id, Input::StockReserved)),
        Payload::StockRejected(stock) => Some((stock.order_id, Input::StockRejected(stock.lines))),
        Payload::StockReleased(stock) => Some((stock.order_id, Input::StockReleased)),
        Payload::StockHoldExpired(stock) => Some((stock.order_id, Input::HoldExpired)),
        _ => None,
    }
}
