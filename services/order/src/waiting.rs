//! Requests that wait for an order to leave `pending` (`Prefer: wait`, RFC 7240).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::OrderId;
use tokio::sync::Notify;

/// How often a waiting request looks for itself: another replica may have made the step.
pub const POLL: Duration = Duration::from_millis(250);

/// Tells waiting requests of this process that an order changed. A hint only: losing one costs [`POLL`].
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<HashMap<OrderId, Arc<Notify>>>>);

/// The interest in one order's next change; it ends when this is dropped.
#[derive(Debug)]
pub struct Interest {
    waiting: Waiting,
    order_id: OrderId,
    notify: Arc<Notify>,
}

impl Waiting {
    /// Registers interest. Do it before reading the order, or a change in between is missed.
    #[must_use]
    pub fn register(&self, order_id: OrderId) -> Interest {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = Arc::clone(orders.entry(order_id).or_default());
        drop(orders);
        Interest {
            waiting: self.clone(),
            order_id,
            notify,
        }
    }

    /// Wakes whoever waits for this order.
    pub fn wake(&self, order_id: OrderId) {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = orders.get(&order_id) {
            notify.notify_waiters();
            // For one that is registered and not yet waiting.
            notify.notify_one();
        }
    }
}

impl Interest {
    /// Returns at the next change this process makes, after [`POLL`] at the latest.
    pub async fn changed_or_poll(&self) {
        let _ = tokio::time::timeout(POLL, self.notify.notified()).await;
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut orders = self
            .waiting
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The map and this: nobody else is interested.
        if Arc::strong_count(&self.notify) <= 2 {
            orders.remove(&self.order_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_wakes_at_once_even_if_it_came_between_registering_and_waiting() {
        let waiting = Waiting::default();
        let order_id = OrderId::at(Timestamp::from_unix_millis(0));
        let interest = waiting.register(order_id);
        waiting.wake(order_id);
        let start = tokio::time::Instant::now();
        interest.changed_or_poll().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_hint_it_returns_to_look_for_itself() {
        let waiting = Waiting::default();
        let interest = waiting.register(OrderId::at(Timestamp::from_unix_millis(0)));
        let start = tokio::time::Instant::now();
        interest.changed_or_poll().await;
        assert_eq!(start.elapsed(), POLL);
    }

    #[test]
    fn nothing_is_kept_for_orders_nobody_waits_for() {
        let waiting = Waiting::default();
        let order_id = OrderId::at(Timestamp::from_unix_millis(0));
        let first = waiting.register(order_id);
        let second = waiting.register(order_id);
        drop(first);
        assert_eq!(waiting.0.lock().unwrap().len(), 1);
        drop(second);
        assert_eq!(waiting.0.lock().unwrap().len(), 0);
    }
}
