//! The sweeper: what no answer moves on, a deadline does (I3).

use std::sync::Arc;
use std::time::Duration;

use contracts::OrderId;
use futures_util::StreamExt as _;
use messaging::Poke;
use service_kit::{crash_point, error_chain};

use crate::store::{Heard, OrderStore, StoreError};
use crate::waiting::Waiting;
use service_kit::Present;

/// How often overdue orders are looked for; the query costs one look into a partial index.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// Orders moved on in one go; what is left waits for the next.
const BATCH: u32 = 100;

/// Orders moved on at the same time: the store's group commit makes one transaction of many.
const AT_ONCE: usize = 32;

/// Gives up overdue orders and reminds stock of those it has not released.
#[derive(Clone)]
pub struct Sweeper {
    /// Where orders are kept.
    pub store: Arc<dyn OrderStore>,
    /// Requests that wait for an order.
    pub waiting: Waiting,
    /// Wakes the outbox relay.
    pub poke: Poke,
    /// Tells the time.
    pub present: Present,
}

impl Sweeper {
    /// Moves on every order that is overdue now. Returns how many did something.
    ///
    /// Two sweepers may find the same order; the second finds it changed and does nothing.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        let mut moved = 0;
        loop {
            let overdue = self.store.overdue(self.present.now(), BATCH).await?;
            if overdue.is_empty() {
                return Ok(moved);
            }
            crash_point("sweeper.after_select");
            let before = moved;
            let moving = overdue.into_iter().map(|order_id| self.move_on(order_id));
            let mut moving = futures_util::stream::iter(moving).buffer_unordered(AT_ONCE);
            while let Some(done) = moving.next().await {
                moved += usize::from(done?);
            }
            // An order that stays overdue although it was moved on would keep this loop busy for ever.
            if moved == before {
                return Ok(moved);
            }
        }
    }

    async fn move_on(&self, order_id: OrderId) -> Result<bool, StoreError> {
        let context = self.present.context();
        let heard = match self.store.deadline_passed(order_id, context).await {
            // One that cannot be read must not keep those behind it waiting for ever.
            Err(error @ StoreError::Broken(_)) => {
                let error = error_chain(&error);
                tracing::error!(%order_id, error, "an overdue order cannot be moved on");
                return Ok(false);
            }
            heard => heard?,
        };
        crash_point("sweeper.after_commit");
        match heard {
            Heard::Nothing => return Ok(false),
            Heard::Changed(_) => {
                self.waiting.wake(order_id);
                tracing::info!(%order_id, "order given up: nobody answered before its deadline");
            }
            Heard::Repeated => {
                tracing::info!(%order_id, "stock reminded to release what the order held");
            }
        }
        self.poke.poke();
        Ok(true)
    }
}
