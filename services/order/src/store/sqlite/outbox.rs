//! Telling the others, in the transaction that makes it true.

use contracts::{Event, EventId, OrderId, Payload};
use rusqlite::Connection;
use service_kit::Context;

use crate::domain::Order;
use crate::store::StoreError;

/// Puts what an order says into the outbox, under a new event id.
pub(super) fn append(
    conn: &Connection,
    order: &Order,
    payload: Payload,
    context: &Context,
) -> Result<(), StoreError> {
    append_for(conn, order.id, order.version, payload, context)
}

/// The same for an order that is not here.
pub(super) fn append_for(
    conn: &Connection,
    order_id: OrderId,
    version: u64,
    payload: Payload,
    context: &Context,
) -> Result<(), StoreError> {
    let event = Event {
        id: EventId::at(context.now),
        occurred_at: context.now,
        aggregate_version: version,
        correlation_id: order_id.to_string(),
        payload,
    };
    let traceparent = context.traceparent.as_deref();
    Ok(messaging::sqlite::append_outbox(conn, &event, traceparent)?)
}
