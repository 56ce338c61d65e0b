//! Rows to domain types and back.

use std::error::Error;
use std::str::FromStr;

use contracts::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::Contact;
use crate::store::{Claimed, Delivery, Notification};

/// The columns [`notification`] reads, in its order.
pub(super) const NOTIFICATION_COLUMNS: &str =
    "id, stream_seq, type, title, body, data, created_at, read_at";

/// The columns [`delivery`] reads, in its order.
pub(super) const DELIVERY_COLUMNS: &str = "sequence, id, notification_id, event_id, type, user_id, channel, address, state, \
     attempts, due_at, last_error, created_at, updated_at";

/// The columns [`claimed`] reads, in its order; `d` is the delivery, `n` its notification.
pub(super) const CLAIMED_COLUMNS: &str = "d.id, d.attempts, d.event_id, d.type, n.payload, n.title, d.channel, d.user_id, \
     d.address, d.name, n.created_at";

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

fn timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    row.get(index).map(Timestamp::from_unix_millis)
}

fn optional_timestamp(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.get(index)?;
    Ok(millis.map(Timestamp::from_unix_millis))
}

pub(super) fn notification(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let data = row.get_ref(5)?.as_str()?;
    Ok(Notification {
        id: parsed(row, 0)?,
        stream_seq: row.get(1)?,
        event_type: parsed(row, 2)?,
        title: row.get(3)?,
        body: row.get(4)?,
        data: serde_json::from_str(data).map_err(|error| unreadable(5, error))?,
        created_at: timestamp(row, 6)?,
        read_at: optional_timestamp(row, 7)?,
    })
}

pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        sequence: row.get(0)?,
        id: parsed(row, 1)?,
        notification_id: parsed(row, 2)?,
        event_id: parsed(row, 3)?,
        event_type: parsed(row, 4)?,
        user_id: parsed(row, 5)?,
        channel: parsed(row, 6)?,
        address: row.get(7)?,
        state: parsed(row, 8)?,
        attempts: row.get(9)?,
        due_at: optional_timestamp(row, 10)?,
        last_error: row.get(11)?,
        created_at: timestamp(row, 12)?,
        updated_at: timestamp(row, 13)?,
    })
}

pub(super) fn claimed(row: &Row<'_>) -> rusqlite::Result<Claimed> {
    Ok(Claimed {
        id: parsed(row, 0)?,
        attempt: row.get(1)?,
        event_id: parsed(row, 2)?,
        event_type: parsed(row, 3)?,
        payload: row.get(4)?,
        title: row.get(5)?,
        channel: parsed(row, 6)?,
        contact: Contact {
            user_id: parsed(row, 7)?,
            email: row.get(8)?,
            name: row.get(9)?,
        },
        created_at: timestamp(row, 10)?,
    })
}
