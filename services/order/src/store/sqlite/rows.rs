//! Rows to domain types and back.

use std::error::Error;
use std::str::FromStr;

use contracts::events::order::{CancelReason, OrderStatus};
use contracts::events::product::ProductStatus;
use contracts::events::stock::{RejectionCode, StockLine};
use contracts::{Currency, Money, Quantity, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::{
    Entry, EntryKind, Line, Order, OrderNumber, PaymentMethod, Shipment, ShipmentText,
};

/// The columns [`order`] reads, in its order.
pub(super) const ORDER_COLUMNS: &str = "sequence, id, customer_id, status, version, currency, total, payment_method, \
     shipping_address, cancel_reason, due_at, reminders, created_at, updated_at";

/// Why a column does not read as what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a value of this column")]
struct UnknownValue(String);

fn unreadable(index: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// A text column whose type reads itself.
pub(super) fn parsed<T>(row: &Row<'_>, index: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.get_ref(index)?
        .as_str()?
        .parse()
        .map_err(|error| unreadable(index, error))
}

fn known<T>(
    row: &Row<'_>,
    index: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(index)?.as_str()?;
    read(text).ok_or_else(|| unreadable(index, UnknownValue(text.to_owned())))
}

/// A word as the contracts write it in JSON, without the quotes.
pub(super) fn word<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(other) => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(
            UnknownValue(other.to_string()),
        ))),
        Err(error) => Err(rusqlite::Error::ToSqlConversionFailure(Box::new(error))),
    }
}

fn from_word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

fn optional_word<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(index)?.as_str_or_null()? else {
        return Ok(None);
    };
    from_word(text)
        .map(Some)
        .ok_or_else(|| unreadable(index, UnknownValue(text.to_owned())))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(index)?.as_str_or_null()? else {
        return Ok(None);
    };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|error| unreadable(index, error))
}

pub(super) fn timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_unix_millis)
}

fn optional_timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.get(index)?;
    Ok(millis.map(Timestamp::from_unix_millis))
}

fn quantity(row: &Row<'_>, index: usize) -> rusqlite::Result<Quantity> {
    let pieces: i64 = row.get(index)?;
    Quantity::try_from(pieces).map_err(|error| unreadable(index, error))
}

pub(super) fn product_status(row: &Row<'_>, index: usize) -> rusqlite::Result<ProductStatus> {
    known(row, index, from_word)
}

/// A number this program counts up from 0 or 1.
pub(super) fn counter(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(index)?;
    u64::try_from(count).map_err(|error| unreadable(index, error))
}

/// How SQLite keeps a counter.
pub(super) fn stored(count: u64) -> rusqlite::Result<i64> {
    i64::try_from(count).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

/// An order of which the lines and shipments are still to be read.
fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    let currency: Currency = parsed(row, 5)?;
    Ok(Order {
        number: OrderNumber::of(row.get(0)?),
        id: parsed(row, 1)?,
        customer_id: parsed(row, 2)?,
        status: parsed::<OrderStatus>(row, 3)?,
        version: counter(row, 4)?,
        lines: Vec::new(),
        total: Money::new(row.get(6)?, currency),
        payment_method: known(row, 7, PaymentMethod::from_text)?,
        shipping_address: json(row, 8)?,
        cancel_reason: optional_word::<CancelReason>(row, 9)?,
        shipments: Vec::new(),
        due_at: optional_timestamp(row, 10)?,
        reminders: row.get(11)?,
        created_at: timestamp(row, 12)?,
        updated_at: timestamp(row, 13)?,
    })
}

/// The one order a statement over [`ORDER_COLUMNS`] finds, whole.
pub(super) fn one_order(
    conn: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Option<Order>> {
    conn.prepare_cached(sql)?
        .query_row(parameters, order)
        .optional()?
        .map(|order| complete(conn, order))
        .transpose()
}

/// All orders a statement over [`ORDER_COLUMNS`] finds, whole.
pub(super) fn many_orders(
    conn: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Order>> {
    conn.prepare_cached(sql)?
        .query_map(parameters, order)?
        .map(|order| complete(conn, order?))
        .collect()
}

fn complete(conn: &Connection, mut order: Order) -> rusqlite::Result<Order> {
    order.lines = lines(conn, &order)?;
    order.shipments = shipments(conn, &order)?;
    Ok(order)
}

fn lines(conn: &Connection, order: &Order) -> rusqlite::Result<Vec<Line>> {
    let currency = order.total.currency;
    conn.prepare_cached(
        "SELECT sku, title, quantity, unit_price, rejection FROM order_lines WHERE order_id = ?1 ORDER BY position",
    )?
    .query_map([order.id.to_string()], |row| {
        let quantity = quantity(row, 2)?;
        let unit_price = Money::new(row.get(3)?, currency);
        Ok(Line {
            sku: parsed(row, 0)?,
            title: row.get(1)?,
            quantity,
            unit_price,
            line_total: unit_price
                .checked_mul(quantity)
                .map_err(|error| unreadable(3, error))?,
            rejection: optional_word::<RejectionCode>(row, 4)?,
        })
    })?
    .collect()
}

fn shipments(conn: &Connection, order: &Order) -> rusqlite::Result<Vec<Shipment>> {
    conn.prepare_cached(
        "SELECT id, carrier, tracking_number, dispatched_at, delivered_at FROM shipments \
         WHERE order_id = ?1 ORDER BY position",
    )?
    .query_map([order.id.to_string()], |row| {
        let text = |text: &str| ShipmentText::try_from(text).ok();
        let id: contracts::ShipmentId = parsed(row, 0)?;
        Ok(Shipment {
            id,
            carrier: known(row, 1, text)?,
            tracking_number: known(row, 2, text)?,
            lines: shipment_lines(conn, &id.to_string())?,
            dispatched_at: timestamp(row, 3)?,
            delivered_at: optional_timestamp(row, 4)?,
        })
    })?
    .collect()
}

fn shipment_lines(conn: &Connection, shipment_id: &str) -> rusqlite::Result<Vec<StockLine>> {
    conn.prepare_cached(
        "SELECT sku, quantity FROM shipment_lines WHERE shipment_id = ?1 ORDER BY sku",
    )?
    .query_map([shipment_id], |row| {
        Ok(StockLine {
            sku: parsed(row, 0)?,
            quantity: quantity(row, 1)?,
        })
    })?
    .collect()
}

/// One entry of a timeline: `at, kind, detail`.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        at: timestamp(row, 0)?,
        kind: known(row, 1, EntryKind::from_text)?,
        detail: row.get(2)?,
    })
}

/// Adds an order's entry; the key (order, version) refuses a second one for the same version.
pub(super) fn insert_entry(
    conn: &Connection,
    order: &Order,
    entry: &Entry,
) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO timeline (order_id, version, at, kind, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        order.id.to_string(),
        stored(order.version)?,
        entry.at.unix_millis(),
        entry.kind.as_str(),
        entry.detail,
    ])?;
    Ok(())
}
