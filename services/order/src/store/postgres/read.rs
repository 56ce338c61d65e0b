//! Reading orders.

use std::time::Duration;

use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use postgres_store::parsed;
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use crate::domain::{Entry, Order, OrderNumber};
use crate::store::OrderFilter;
use crate::store::postgres::{rows, statements};

/// How long a sweeper keeps an overdue order to itself: a sweep moves a batch on in a fraction of this, and what a sweeper
/// that died had taken is taken up after it.
const LEASE: Duration = Duration::from_secs(10);

/// One order; with an owner, only if it is theirs.
pub(super) async fn order(
    conn: &mut PgConnection,
    order_id: OrderId,
    owner: Option<UserId>,
) -> sqlx::Result<Option<Order>> {
    let found = sqlx::query(statements::ORDER)
        .bind(order_id.to_string())
        .bind(owner.map(|owner| owner.to_string()))
        .fetch_optional(conn)
        .await?;
    found.as_ref().map(rows::order).transpose()
}

/// Orders, the newest first, after a place in the list.
pub(super) async fn orders(
    conn: &mut PgConnection,
    filter: OrderFilter,
    after: Option<OrderNumber>,
    limit: u32,
) -> sqlx::Result<Vec<Order>> {
    let customer = filter.customer_id.map(|customer| customer.to_string());
    let status = filter.status.map(OrderStatus::as_str);
    let page = |sql| {
        sqlx::query(sql)
            .bind(after.map_or(i64::MAX, OrderNumber::sequence))
            .bind(i64::from(limit))
    };
    let query = match (customer, status) {
        (None, None) => page(statements::LIST),
        (Some(customer), None) => page(statements::LIST_OF_CUSTOMER).bind(customer),
        (None, Some(status)) => page(statements::LIST_IN_STATUS).bind(status),
        (Some(customer), Some(status)) => page(statements::LIST_OF_CUSTOMER_IN_STATUS)
            .bind(customer)
            .bind(status),
    };
    all(&query.fetch_all(conn).await?, rows::order)
}

/// What happened to an order; with an owner, only if it is theirs.
pub(super) async fn timeline(
    conn: &mut PgConnection,
    order_id: OrderId,
    owner: Option<UserId>,
) -> sqlx::Result<Option<Vec<Entry>>> {
    let found = sqlx::query(statements::TIMELINE)
        .bind(order_id.to_string())
        .bind(owner.map(|owner| owner.to_string()))
        .fetch_all(conn)
        .await?;
    let entries = all(&found, rows::entry)?;
    // Every order has at least the entry it was placed with.
    Ok((!entries.is_empty()).then_some(entries))
}

/// Overdue orders for this sweeper alone, the longest overdue first.
pub(super) async fn claim_overdue(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u32,
) -> sqlx::Result<Vec<OrderId>> {
    let claimed = sqlx::query(statements::CLAIM_OVERDUE)
        .bind(now.unix_millis())
        .bind(i64::from(limit))
        .bind(now.plus(LEASE).unix_millis())
        .fetch_all(conn)
        .await?;
    all(&claimed, |row| parsed(row, 0))
}

/// How many orders are in each state.
pub(super) async fn count_by_status(
    conn: &mut PgConnection,
) -> sqlx::Result<Vec<(OrderStatus, u64)>> {
    let counted = sqlx::query(statements::COUNT_BY_STATUS)
        .fetch_all(conn)
        .await?;
    all(&counted, |row| {
        Ok((parsed(row, 0)?, rows::counter(row, 1)?))
    })
}

fn all<T>(found: &[PgRow], read: impl Fn(&PgRow) -> sqlx::Result<T>) -> sqlx::Result<Vec<T>> {
    found.iter().map(read).collect()
}
