//! Messages that come and go with a command.

use contracts::topology::{ORDER_CATALOG, ORDER_STOCK};
use contracts::{Event, EventId, OrderId, Payload};
use messaging::Message;
use messaging::postgres::MessageColumns;
use service_kit::Context;
use sqlx::{PgConnection, Row as _};

use crate::domain::{CatalogEntry, Order};
use crate::store::postgres::{rows, statements};

/// What an order says, as the outbox keeps it, under a new event id.
pub(super) fn of_order(
    order: &Order,
    payload: Payload,
    context: &Context,
) -> sqlx::Result<Message> {
    about(order.id, order.version, payload, context)
}

/// The same for an order that is not here.
pub(super) fn about(
    order_id: OrderId,
    version: u64,
    payload: Payload,
    context: &Context,
) -> sqlx::Result<Message> {
    let event = Event {
        id: EventId::at(context.now),
        occurred_at: context.now,
        aggregate_version: version,
        correlation_id: order_id.to_string(),
        payload,
    };
    Message::from_event(&event, context.traceparent.as_deref()).map_err(rows::unwritable)
}

/// The columns of one outbox row or of none, to be bound.
pub(super) fn columns(message: Option<&Message>) -> sqlx::Result<MessageColumns<'_>> {
    let messages = message.map_or(&[][..], std::slice::from_ref);
    MessageColumns::of(messages).map_err(rows::unwritable)
}

/// Notes that an answer of stock changed no order, and says something about that, if there is something to say. False if the
/// message was noted before: then nothing is said.
pub(super) async fn heard(
    conn: &mut PgConnection,
    message_id: &str,
    told: Option<&Message>,
    context: &Context,
) -> sqlx::Result<bool> {
    let query = sqlx::query(statements::HEARD)
        .bind(ORDER_STOCK)
        .bind(message_id)
        .bind(context.now.unix_millis());
    let columns = columns(told)?;
    let row = columns.bind(query).fetch_one(conn).await?;
    let heard: i64 = row.try_get(0)?;
    Ok(heard == 1)
}

/// Keeps what a product event says, unless a newer version was heard (I11). False if nothing changed.
pub(super) async fn hear_product(
    conn: &mut PgConnection,
    message_id: &str,
    entry: &CatalogEntry,
    context: &Context,
) -> sqlx::Result<bool> {
    let written = sqlx::query(statements::HEAR_PRODUCT)
        .bind(ORDER_CATALOG)
        .bind(message_id)
        .bind(context.now.unix_millis())
        .bind(entry.product_id.to_string())
        .bind(entry.sku.as_str())
        .bind(&entry.title)
        .bind(entry.price.amount)
        .bind(entry.price.currency.as_str())
        .bind(rows::word(&entry.status)?)
        .bind(rows::stored(entry.version)?)
        .execute(conn)
        .await?;
    Ok(written.rows_affected() == 1)
}
