//! Rows to domain types.

use contracts::Timestamp;
use postgres_store::{parsed, unreadable};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::Contact;
use crate::store::{Claimed, Delivery, Notification};

fn timestamp(row: &PgRow, column: usize) -> sqlx::Result<Timestamp> {
    row.try_get(column).map(Timestamp::from_unix_millis)
}

fn optional_timestamp(row: &PgRow, column: usize) -> sqlx::Result<Option<Timestamp>> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Timestamp::from_unix_millis))
}

fn attempts(row: &PgRow, column: usize) -> sqlx::Result<u32> {
    let attempts: i32 = row.try_get(column)?;
    u32::try_from(attempts).map_err(|error| unreadable(column, error))
}

/// A column that counts rows.
pub(super) fn count(row: &PgRow, column: usize) -> sqlx::Result<u64> {
    let count: i64 = row.try_get(column)?;
    u64::try_from(count).map_err(|error| unreadable(column, error))
}

pub(super) fn notification(row: &PgRow) -> sqlx::Result<Notification> {
    let data: &str = row.try_get(5)?;
    Ok(Notification {
        id: parsed(row, 0)?,
        stream_seq: row.try_get(1)?,
        event_type: parsed(row, 2)?,
        title: row.try_get(3)?,
        body: row.try_get(4)?,
        data: serde_json::from_str(data).map_err(|error| unreadable(5, error))?,
        created_at: timestamp(row, 6)?,
        read_at: optional_timestamp(row, 7)?,
    })
}

pub(super) fn delivery(row: &PgRow) -> sqlx::Result<Delivery> {
    Ok(Delivery {
        sequence: row.try_get(0)?,
        id: parsed(row, 1)?,
        notification_id: parsed(row, 2)?,
        event_id: parsed(row, 3)?,
        event_type: parsed(row, 4)?,
        user_id: parsed(row, 5)?,
        channel: parsed(row, 6)?,
        address: row.try_get(7)?,
        state: parsed(row, 8)?,
        attempts: attempts(row, 9)?,
        due_at: optional_timestamp(row, 10)?,
        last_error: row.try_get(11)?,
        created_at: timestamp(row, 12)?,
        updated_at: timestamp(row, 13)?,
    })
}

pub(super) fn claimed(row: &PgRow) -> sqlx::Result<Claimed> {
    Ok(Claimed {
        id: parsed(row, 0)?,
        attempt: attempts(row, 1)?,
        event_id: parsed(row, 2)?,
        event_type: parsed(row, 3)?,
        payload: row.try_get(4)?,
        title: row.try_get(5)?,
        channel: parsed(row, 6)?,
        contact: Contact {
            user_id: parsed(row, 7)?,
            email: row.try_get(8)?,
            name: row.try_get(9)?,
        },
        created_at: timestamp(row, 10)?,
    })
}
