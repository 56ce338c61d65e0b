//! Placing an order.

use contracts::{Sku, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use sqlite_store::idempotency;

use crate::domain::{CatalogEntry, Deadlines, Order, OrderNumber, pricing};
use crate::store::sqlite::{outbox, read, rows};
use crate::store::{PlaceError, PlaceOrder, Placement, RequestKey, StoreError};

/// One transaction: the idempotency row, the order, its lines, its first entry and `order.placed.v1`.
///
/// A refusal rolls all of it back, so the key stays free for a corrected request.
pub(super) fn place(
    conn: &Connection,
    command: &PlaceOrder,
    deadlines: &Deadlines,
) -> Result<Placement, PlaceError> {
    if let Some(order) = placed_before(conn, &command.request)? {
        return Ok(Placement {
            order,
            replayed: true,
        });
    }
    let now = command.context.now;
    let known = command
        .items
        .iter()
        .map(|item| Ok((item, look_up(conn, &item.sku)?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let priced = pricing::price(&known).map_err(PlaceError::Pricing)?;
    let number = next_number(conn).map_err(StoreError::from)?;
    let placed = Order::place(command.draft.clone(), number, priced, deadlines, now);
    insert(conn, &placed.order).map_err(StoreError::from)?;
    rows::insert_entry(conn, &placed.order, &placed.entry).map_err(StoreError::from)?;
    outbox::append(conn, &placed.order, placed.event, &command.context)?;
    remember(
        conn,
        &command.request,
        &placed.order.id.to_string(),
        201,
        now,
    )?;
    service_kit::crash_point("order.before_commit");
    Ok(Placement {
        order: placed.order,
        replayed: false,
    })
}

/// The order an earlier request with the same key placed.
pub(super) fn placed_before(
    conn: &Connection,
    request: &RequestKey,
) -> Result<Option<Order>, PlaceError> {
    let Some(stored) = earlier(conn, request)? else {
        return Ok(None);
    };
    if stored.fingerprint != request.fingerprint {
        return Err(PlaceError::KeyReused);
    }
    Ok(read::by_text(
        conn,
        &stored.object_id,
        Some(request.caller),
    )?)
}

/// What an earlier request with the same key did.
pub(super) fn earlier(
    conn: &Connection,
    request: &RequestKey,
) -> Result<Option<store_kit::KeptReply>, StoreError> {
    let caller = request.caller.to_string();
    Ok(idempotency::find(conn, &caller, &request.key)?)
}

/// Keeps what this request did, in the transaction that does it.
pub(super) fn remember(
    conn: &Connection,
    request: &RequestKey,
    object_id: &str,
    status: u16,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stored = store_kit::KeptReply {
        fingerprint: request.fingerprint.clone(),
        status,
        object_id: object_id.to_owned(),
        location: None,
    };
    let caller = request.caller.to_string();
    Ok(idempotency::record(
        conn,
        &caller,
        &request.key,
        &stored,
        now,
    )?)
}

/// What the catalog says of a sku; an active product comes before an archived one that had the sku earlier.
pub(super) const LOOK_UP: &str = "SELECT product_id, sku, title, price, currency, status, version FROM catalog \
     WHERE sku = ?1 ORDER BY status LIMIT 1";

fn look_up(conn: &Connection, sku: &Sku) -> rusqlite::Result<Option<CatalogEntry>> {
    conn.prepare_cached(LOOK_UP)?
        .query_row([sku.as_str()], |row| {
            Ok(CatalogEntry {
                product_id: rows::parsed(row, 0)?,
                sku: rows::parsed(row, 1)?,
                title: row.get(2)?,
                price: contracts::Money::new(row.get(3)?, rows::parsed(row, 4)?),
                status: rows::product_status(row, 5)?,
                version: rows::counter(row, 6)?,
            })
        })
        .optional()
}

/// The place after the last order's. Commands run one after the other, so nobody else takes it.
fn next_number(conn: &Connection) -> rusqlite::Result<OrderNumber> {
    conn.prepare_cached("SELECT COALESCE(MAX(sequence), 0) + 1 FROM orders")?
        .query_row([], |row| row.get(0))
        .map(OrderNumber::of)
}

fn insert(conn: &Connection, order: &Order) -> rusqlite::Result<()> {
    let address = order
        .shipping_address
        .as_ref()
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    conn.prepare_cached(
        "INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, payment_method, \
         shipping_address, due_at, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        order.number.sequence(),
        order.id.to_string(),
        order.customer_id.to_string(),
        order.status.as_str(),
        rows::stored(order.version)?,
        order.total.currency.as_str(),
        order.total.amount,
        order.payment_method.as_str(),
        address,
        order.due_at.map(Timestamp::unix_millis),
        order.created_at.unix_millis(),
        order.updated_at.unix_millis(),
    ])?;
    insert_lines(conn, order)
}

fn insert_lines(conn: &Connection, order: &Order) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO order_lines (order_id, position, sku, title, quantity, unit_price) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let order_id = order.id.to_string();
    for (position, line) in (0_i64..).zip(&order.lines) {
        insert.execute(params![
            order_id,
            position,
            line.sku.as_str(),
            line.title,
            line.quantity.get(),
            line.unit_price.amount,
        ])?;
    }
    Ok(())
}
