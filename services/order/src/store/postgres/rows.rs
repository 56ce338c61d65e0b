//! Rows to domain types and back.

use std::borrow::Cow;
use std::error::Error;

use contracts::events::stock::{RejectionCode, StockLine};
use contracts::{Currency, Money, Quantity, ShipmentId, Sku, Timestamp};
use postgres_store::{parsed, unreadable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::types::Json;

use crate::domain::{
    Entry, EntryKind, Line, Order, OrderNumber, PaymentMethod, Shipment, ShipmentText,
};

/// Where the columns begin that a statement has beside those of an order.
pub(super) const AFTER_ORDER: usize = 16;

/// Why a column does not read as what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a value of this column")]
struct UnknownValue(String);

/// A line as `orders.lines` keeps it. Its amounts are in the order's currency, and its total follows from them.
#[derive(Serialize, Deserialize)]
struct StoredLine<'l> {
    sku: Cow<'l, Sku>,
    title: Cow<'l, str>,
    quantity: Quantity,
    unit_price: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejection: Option<RejectionCode>,
}

/// A parcel as `orders.shipments` keeps it.
#[derive(Serialize, Deserialize)]
struct StoredShipment<'s> {
    id: ShipmentId,
    carrier: Cow<'s, ShipmentText>,
    tracking_number: Cow<'s, ShipmentText>,
    lines: Cow<'s, [StockLine]>,
    dispatched_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered_at: Option<i64>,
}

/// What this program cannot write down.
pub(super) fn unwritable(error: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

/// A value as JSON text.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(unwritable)
}

/// An order's lines as `orders.lines` keeps them.
pub(super) fn stored_lines(order: &Order) -> sqlx::Result<String> {
    let lines = order.lines.iter().map(|line| StoredLine {
        sku: Cow::Borrowed(&line.sku),
        title: Cow::Borrowed(&line.title),
        quantity: line.quantity,
        unit_price: line.unit_price.amount,
        rejection: line.rejection,
    });
    json(&lines.collect::<Vec<_>>())
}

/// An order's parcels as `orders.shipments` keeps them.
pub(super) fn stored_shipments(order: &Order) -> sqlx::Result<String> {
    let shipments = order.shipments.iter().map(|shipment| StoredShipment {
        id: shipment.id,
        carrier: Cow::Borrowed(&shipment.carrier),
        tracking_number: Cow::Borrowed(&shipment.tracking_number),
        lines: Cow::Borrowed(&shipment.lines),
        dispatched_at: shipment.dispatched_at.unix_millis(),
        delivered_at: shipment.delivered_at.map(Timestamp::unix_millis),
    });
    json(&shipments.collect::<Vec<_>>())
}

impl StoredLine<'_> {
    fn read(self, currency: Currency) -> sqlx::Result<Line> {
        let unit_price = Money::new(self.unit_price, currency);
        Ok(Line {
            sku: self.sku.into_owned(),
            title: self.title.into_owned(),
            quantity: self.quantity,
            unit_price,
            line_total: unit_price
                .checked_mul(self.quantity)
                .map_err(|error| unreadable(7, error))?,
            rejection: self.rejection,
        })
    }
}

impl From<StoredShipment<'_>> for Shipment {
    fn from(stored: StoredShipment<'_>) -> Self {
        Self {
            id: stored.id,
            carrier: stored.carrier.into_owned(),
            tracking_number: stored.tracking_number.into_owned(),
            lines: stored.lines.into_owned(),
            dispatched_at: Timestamp::from_unix_millis(stored.dispatched_at),
            delivered_at: stored.delivered_at.map(Timestamp::from_unix_millis),
        }
    }
}

/// A word as the contracts write it in JSON, without the quotes.
pub(super) fn word<T: Serialize>(value: &T) -> sqlx::Result<String> {
    match serde_json::to_value(value).map_err(unwritable)? {
        serde_json::Value::String(text) => Ok(text),
        other => Err(unwritable(UnknownValue(other.to_string()))),
    }
}

/// What [`word`] wrote.
pub(super) fn from_word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// A text column that only some texts fit.
pub(super) fn known<T>(
    row: &PgRow,
    column: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> sqlx::Result<T> {
    let text: &str = row.try_get(column)?;
    read(text).ok_or_else(|| unreadable(column, UnknownValue(text.to_owned())))
}

fn optional<T>(
    row: &PgRow,
    column: usize,
    read: impl FnOnce(&str) -> Option<T>,
) -> sqlx::Result<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map_or(Ok(None), |_| known(row, column, read).map(Some))
}

fn timestamp(row: &PgRow, column: usize) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_unix_millis)
}

/// A number this program counts up from 0 or 1.
pub(super) fn counter<N>(row: &PgRow, column: usize) -> sqlx::Result<N>
where
    N: TryFrom<i64, Error: Error + Send + Sync + 'static>,
{
    let count: i64 = row.try_get(column)?;
    N::try_from(count).map_err(|error| unreadable(column, error))
}

/// How PostgreSQL keeps a counter.
pub(super) fn stored(count: u64) -> sqlx::Result<i64> {
    i64::try_from(count).map_err(unwritable)
}

/// The order of a row that may have none.
pub(super) fn maybe_order(row: &PgRow) -> sqlx::Result<Option<Order>> {
    let sequence: Option<i64> = row.try_get(0)?;
    sequence.map(|_| order(row)).transpose()
}

/// An order, whole.
pub(super) fn order(row: &PgRow) -> sqlx::Result<Order> {
    let currency: Currency = parsed(row, 5)?;
    let Json(lines): Json<Vec<StoredLine<'static>>> = row.try_get(7)?;
    let Json(shipments): Json<Vec<StoredShipment<'static>>> = row.try_get(11)?;
    let address: Option<Json<_>> = row.try_get(9)?;
    let due_at: Option<i64> = row.try_get(12)?;
    Ok(Order {
        number: OrderNumber::of(row.try_get(0)?),
        id: parsed(row, 1)?,
        customer_id: parsed(row, 2)?,
        status: parsed(row, 3)?,
        version: counter(row, 4)?,
        lines: lines
            .into_iter()
            .map(|line| line.read(currency))
            .collect::<sqlx::Result<_>>()?,
        total: Money::new(row.try_get(6)?, currency),
        payment_method: known(row, 8, PaymentMethod::from_text)?,
        shipping_address: address.map(|Json(address)| address),
        cancel_reason: optional(row, 10, from_word)?,
        shipments: shipments.into_iter().map(Shipment::from).collect(),
        due_at: due_at.map(Timestamp::from_unix_millis),
        reminders: counter(row, 13)?,
        created_at: timestamp(row, 14)?,
        updated_at: timestamp(row, 15)?,
    })
}

/// One entry of a timeline.
pub(super) fn entry(row: &PgRow) -> sqlx::Result<Entry> {
    Ok(Entry {
        at: timestamp(row, 0)?,
        kind: known(row, 1, EntryKind::from_text)?,
        detail: row.try_get(2)?,
    })
}
