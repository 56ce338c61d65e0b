//! Queue `product.orders`: what orders ask of stock.
//!
//! Crash points on the way of one message, in debug builds armed by `SHOP_CRASH_AT=name:n` (rows B1–B4 of the fault matrix):
//!
//! | row | name | at that moment |
//! |---|---|---|
//! | B1 | `consumer.product.orders.on_receipt` | nothing is done |
//! | B2 | `product.mid_transaction` | inbox, stock, reservation and answer are written, nothing is committed |
//! | B3 | `consumer.product.orders.after_commit` | all of it is committed, nothing is acknowledged |
//! | B4 | `consumer.product.orders.after_ack` | all is done |
//!
//! After each of them the message has one effect: before the commit it comes again to an untouched store, after it the
//! inbox knows it.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{Event, Payload};
use messaging::{Handler, Message, Outcome, Poke};
use service_kit::{Present, error_chain};

use crate::store::{ProductStore, StockCommand};

/// Handles the queue `product.orders`.
pub(crate) struct OrdersHandler {
    store: Arc<dyn ProductStore>,
    poke: Poke,
    present: Present,
}

impl OrdersHandler {
    pub(crate) fn new(store: Arc<dyn ProductStore>, poke: Poke, present: Present) -> Self {
        Self {
            store,
            poke,
            present,
        }
    }
}

#[async_trait]
impl Handler for OrdersHandler {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        let command = match event.payload {
            Payload::OrderPlaced(placed) => StockCommand::Hold(placed.order),
            Payload::OrderConfirmed(confirmed) => StockCommand::Commit(confirmed.order.order_id),
            Payload::OrderCancelRequested(requested) => StockCommand::Release(requested.order_id),
            Payload::OrderReturned(returned) => {
                StockCommand::Restock(returned.order_id, returned.lines)
            }
            other => return Outcome::Park(format!("{} is not for this queue", other.event_type())),
        };
        match self
            .store
            .stock(message.id.clone(), command, self.present.context())
            .await
        {
            Ok(()) => {
                self.poke.poke();
                Outcome::Done
            }
            Err(error) if error.0.is_away() => Outcome::Unavailable(error_chain(&error)),
            // A command the store refuses will be refused again: after a few tries a person has to look, and the
            // messages behind it are not kept waiting.
            Err(error) => Outcome::Retry(error_chain(&error)),
        }
    }
}
