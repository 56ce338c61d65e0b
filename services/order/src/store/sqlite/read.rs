//! Reading orders.

use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use rusqlite::{Connection, named_params};

use crate::domain::{Entry, Order, OrderNumber};
use crate::store::sqlite::rows::{self, ORDER_COLUMNS};
use crate::store::{OrderFilter, StoreError};

/// One order; with an owner, only if it is theirs.
pub(super) fn order(
    conn: &Connection,
    order_id: OrderId,
    owner: Option<UserId>,
) -> Result<Option<Order>, StoreError> {
    by_text(conn, &order_id.to_string(), owner)
}

/// One order by the text of its id.
pub(super) fn by_text(
    conn: &Connection,
    order_id: &str,
    owner: Option<UserId>,
) -> Result<Option<Order>, StoreError> {
    let sql = format!("SELECT {ORDER_COLUMNS} FROM orders WHERE {OWNED}");
    let owner = owner.map(|owner| owner.to_string());
    Ok(rows::one_order(conn, &sql, (order_id, owner))?)
}

/// Ownership is part of the query, so that somebody else's order is never even read.
const OWNED: &str = "id = ?1 AND (?2 IS NULL OR customer_id = ?2)";

/// The statement of a list: each combination of filters is one, so that each has its index.
pub(super) fn list_sql(filter: OrderFilter) -> String {
    let customer = match filter.customer_id {
        Some(_) => "customer_id = :customer",
        None => ":customer IS NULL",
    };
    let status = match filter.status {
        Some(_) => "status = :status",
        None => ":status IS NULL",
    };
    format!(
        "SELECT {ORDER_COLUMNS} FROM orders WHERE {customer} AND {status} AND sequence < :before \
         ORDER BY sequence DESC LIMIT :limit"
    )
}

/// Orders, the newest first, after a place in the list.
pub(super) fn orders(
    conn: &Connection,
    filter: OrderFilter,
    after: Option<OrderNumber>,
    limit: u32,
) -> Result<Vec<Order>, StoreError> {
    Ok(rows::many_orders(
        conn,
        &list_sql(filter),
        named_params! {
            ":customer": filter.customer_id.map(|customer| customer.to_string()),
            ":status": filter.status.map(OrderStatus::as_str),
            ":before": after.map_or(i64::MAX, OrderNumber::sequence),
            ":limit": limit,
        },
    )?)
}

pub(super) const TIMELINE: &str =
    "SELECT at, kind, detail FROM timeline WHERE order_id = ?1 ORDER BY version";

/// What happened to an order; with an owner, only if it is theirs.
pub(super) fn timeline(
    conn: &Connection,
    order_id: OrderId,
    owner: Option<UserId>,
) -> Result<Option<Vec<Entry>>, StoreError> {
    let order_id = order_id.to_string();
    let owner = owner.map(|owner| owner.to_string());
    let exists = conn
        .prepare_cached(&format!("SELECT 1 FROM orders WHERE {OWNED}"))?
        .exists((&order_id, owner))?;
    if !exists {
        return Ok(None);
    }
    let entries = conn
        .prepare_cached(TIMELINE)?
        .query_map([order_id], rows::entry)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(entries))
}

pub(super) const OVERDUE: &str =
    "SELECT id FROM orders WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2";

/// Orders whose deadline has passed, the longest overdue first.
pub(super) fn overdue(
    conn: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<OrderId>, StoreError> {
    Ok(conn
        .prepare_cached(OVERDUE)?
        .query_map((now.unix_millis(), limit), |row| rows::parsed(row, 0))?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) const COUNT_BY_STATUS: &str =
    "SELECT status, COUNT(*) FROM orders INDEXED BY orders_in_progress WHERE status IN ('pending', 'awaiting_payment',
       'confirmed', 'partially_shipped', 'shipped', 'cancelling') GROUP BY status";

/// How many orders are in each state that is not final.
pub(super) fn count_by_status(conn: &Connection) -> Result<Vec<(OrderStatus, u64)>, StoreError> {
    Ok(conn
        .prepare_cached(COUNT_BY_STATUS)?
        .query_map([], |row| {
            Ok((rows::parsed(row, 0)?, rows::counter(row, 1)?))
        })?
        .collect::<rusqlite::Result<_>>()?)
}
