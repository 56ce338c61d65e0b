//! The messaging tables in an embedded store.
//!
//! The functions here run inside a service's own command, on its connection, in its transaction: that is what makes state
//! and events one fact.

mod deferred;
mod outbox;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use rusqlite::{Connection, Row, params};
use sqlite_store::{Database, StoreError};

use crate::message::Message;
use crate::upkeep::MessageStore;

/// The tables; part of a service's first migration, together with `sqlite_store::idempotency::SCHEMA_SQL`.
pub const SCHEMA_SQL: &str = include_str!("sqlite/schema.sql");

/// Rows a sweep removes in one command: keeps the writer free for others.
const SWEEP_BATCH: u32 = 1_000;
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Puts an event into the outbox.
pub fn append_outbox(
    connection: &Connection,
    event: &Event,
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    let message = Message::from_event(event, traceparent)
        .map_err(|error| StoreError::Unexpected(error.to_string()))?;
    connection
        .prepare_cached(
            "INSERT INTO outbox (id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            message.id,
            message.event_type,
            message.correlation_id,
            message.aggregate_version,
            message.occurred_at.unix_millis(),
            message.producer,
            message.traceparent,
            message.body,
        ])?;
    Ok(())
}

/// Puts a message into the inbox; `false` if it was there: its effect is committed, do nothing.
pub fn first_delivery(
    connection: &Connection,
    consumer: &str,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO inbox (consumer, message_id, received_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![consumer, message_id, now.unix_millis()])?;
    Ok(inserted == 1)
}

/// The messaging tables of one service, for the relay, the consumers and the upkeep.
#[derive(Clone, Debug)]
pub struct SqliteMessages {
    db: Database,
}

impl SqliteMessages {
    /// The tables in this store. What an earlier process had claimed is free again: only one process works on the file.
    pub async fn open(db: Database) -> Result<Self, StoreError> {
        db.write(|connection| {
            connection.execute(
                "UPDATE outbox SET claimed_until = 0 WHERE published_at IS NULL",
                [],
            )?;
            connection.execute("UPDATE deferred SET next_at = 0 WHERE unended > 0", [])?;
            Ok::<_, StoreError>(())
        })
        .await?;
        Ok(Self { db })
    }

    /// The tables in a store that another process works on: what that one has claimed stays claimed.
    #[must_use]
    pub fn attach(db: Database) -> Self {
        Self { db }
    }

    /// A command, in words that do not depend on the engine.
    async fn write<T: Send + 'static>(
        &self,
        command: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, store_kit::StoreError> {
        Ok(self.db.write(command).await?)
    }

    /// A query, likewise.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, store_kit::StoreError> {
        Ok(self.db.read(query).await?)
    }
}

#[async_trait]
impl MessageStore for SqliteMessages {
    async fn sweep(&self, now: Timestamp) -> Result<usize, store_kit::StoreError> {
        self.write(move |connection| {
                let published = connection.execute(
                    "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox
                     WHERE published_at < ?1 ORDER BY published_at LIMIT ?2)",
                    params![now.minus(DAY).unix_millis(), SWEEP_BATCH],
                )?;
                let received = connection.execute(
                    "DELETE FROM inbox WHERE (consumer, message_id) IN (SELECT consumer, message_id FROM inbox
                     WHERE received_at < ?1 AND message_id NOT IN (SELECT id FROM deferred)
                     ORDER BY received_at LIMIT ?2)",
                    params![now.minus(DAY * 30).unix_millis(), SWEEP_BATCH],
                )?;
                let replies = sqlite_store::idempotency::sweep(connection, now.minus(DAY * 2), SWEEP_BATCH)?;
                Ok(published + received + replies)
            })
            .await
    }
}

/// The columns of a message, in the order [`message`] reads them.
const MESSAGE_COLUMNS: &str =
    "id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body";

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        event_type: row.get(1)?,
        correlation_id: row.get(2)?,
        aggregate_version: row.get(3)?,
        occurred_at: Timestamp::from_unix_millis(row.get(4)?),
        producer: row.get(5)?,
        traceparent: row.get(6)?,
        body: row.get(7)?,
    })
}
