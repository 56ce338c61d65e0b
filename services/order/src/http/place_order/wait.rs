//! Waiting for an order to leave `pending`.

use std::time::Duration;

use contracts::events::order::OrderStatus;
use service_kit::http::Problem;

use crate::domain::Order;
use crate::http::Api;

/// The order as soon as it has left `pending`; as it is after `limit`, or when this process shuts down.
pub(super) async fn until_settled(
    api: &Api,
    order: Order,
    limit: Duration,
) -> Result<Order, Problem> {
    if order.status != OrderStatus::Pending {
        return Ok(order);
    }
    let id = order.id;
    let interest = api.waiting.register(id);
    let mut latest = order;
    let deadline = tokio::time::sleep(limit);
    tokio::pin!(deadline);
    loop {
        if let Some(order) = api.store.order(id, None).await? {
            latest = order;
        }
        if latest.status != OrderStatus::Pending {
            return Ok(latest);
        }
        tokio::select! {
            () = interest.changed_or_poll() => {}
            () = &mut deadline => return Ok(latest),
            () = api.draining.cancelled() => return Ok(latest),
        }
    }
}
