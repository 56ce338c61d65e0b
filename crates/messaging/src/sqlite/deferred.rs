//! Deferred and parked messages in an embedded store.

use async_trait::async_trait;
use contracts::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store_kit::StoreError;

use super::{MESSAGE_COLUMNS, SqliteMessages, message};
use crate::deferred::{DeferredMessage, DeferredStats, DeferredStore, ParkedMessage};
use crate::message::Message;

#[async_trait]
impl DeferredStore for SqliteMessages {
    async fn defer(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = NewRow::deferred(queue, message, reason, next_at);
        self.write(move |connection| row.insert(connection, "ON CONFLICT DO NOTHING"))
            .await
    }

    async fn park(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = NewRow::parked(queue, message, reason, now);
        let conflict = "ON CONFLICT DO UPDATE SET next_at = NULL, reason = excluded.reason,
            attempts = attempts + 1, parked_at = coalesce(parked_at, excluded.parked_at)";
        self.write(move |connection| row.insert(connection, conflict))
            .await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError> {
        self.read(move |connection| {
            let sql = format!(
                "SELECT {MESSAGE_COLUMNS}, queue, attempts FROM deferred INDEXED BY deferred_due
                     WHERE next_at <= ?1 ORDER BY next_at LIMIT ?2"
            );
            let due = connection
                .prepare_cached(&sql)?
                .query_map(params![now.unix_millis(), limit], |row| {
                    Ok(DeferredMessage {
                        message: message(row)?,
                        queue: row.get(8)?,
                        attempts: row.get(9)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(due)
        })
        .await
    }

    async fn resolve(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            connection.execute("DELETE FROM deferred WHERE id = ?1", [id])?;
            Ok(())
        })
        .await
    }

    async fn reschedule(
        &self,
        id: &str,
        attempts: u32,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.write(move |connection| {
                connection.execute(
                    "UPDATE deferred SET attempts = ?2, reason = ?3, next_at = ?4 WHERE id = ?1 AND next_at IS NOT NULL",
                    params![id, attempts, reason, next_at.unix_millis()],
                )?;
                Ok(())
            })
            .await
    }

    async fn parked(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError> {
        let (parked_at, id) = after.map_or((-1, String::new()), |(at, id)| (at.unix_millis(), id));
        self.read(move |connection| {
                let sql = format!(
                    "SELECT {MESSAGE_COLUMNS}, queue, attempts, reason, parked_at
                     FROM deferred INDEXED BY deferred_parked
                     WHERE parked_at IS NOT NULL AND (parked_at, id) > (?1, ?2) ORDER BY parked_at, id LIMIT ?3"
                );
                let parked = connection
                    .prepare_cached(&sql)?
                    .query_map(params![parked_at, id, limit], parked_message)?
                    .collect::<Result<_, _>>()?;
                Ok(parked)
            })
            .await
    }

    async fn parked_message(&self, id: &str) -> Result<Option<ParkedMessage>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {MESSAGE_COLUMNS}, queue, attempts, reason, parked_at FROM deferred
                     WHERE id = ?1 AND parked_at IS NOT NULL"
            );
            let parked = connection
                .prepare_cached(&sql)?
                .query_row([id], parked_message)
                .optional()?;
            Ok(parked)
        })
        .await
    }

    async fn replay(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE deferred SET next_at = ?2, parked_at = NULL, attempts = 0
                     WHERE id = ?1 AND parked_at IS NOT NULL",
                params![id, now.unix_millis()],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn discard(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |connection| {
            let changed = connection.execute(
                "DELETE FROM deferred WHERE id = ?1 AND parked_at IS NOT NULL",
                [id],
            )?;
            Ok(changed == 1)
        })
        .await
    }

    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError> {
        self.read(|connection| {
                let stats = connection
                    .prepare_cached(
                        "SELECT
                           (SELECT count(*) FROM deferred INDEXED BY deferred_due WHERE next_at IS NOT NULL),
                           (SELECT count(*) FROM deferred INDEXED BY deferred_parked WHERE parked_at IS NOT NULL)",
                    )?
                    .query_row([], |row| {
                        Ok(DeferredStats {
                            deferred: row.get(0)?,
                            parked: row.get(1)?,
                        })
                    })?;
                Ok(stats)
            })
            .await
    }
}

struct NewRow {
    queue: String,
    message: Message,
    reason: String,
    next_at: Option<i64>,
    parked_at: Option<i64>,
}

impl NewRow {
    fn deferred(queue: &str, message: Message, reason: &str, next_at: Timestamp) -> Self {
        Self {
            queue: queue.to_owned(),
            message,
            reason: reason.to_owned(),
            next_at: Some(next_at.unix_millis()),
            parked_at: None,
        }
    }

    fn parked(queue: &str, message: Message, reason: &str, now: Timestamp) -> Self {
        Self {
            next_at: None,
            parked_at: Some(now.unix_millis()),
            ..Self::deferred(queue, message, reason, now)
        }
    }

    fn insert(
        self,
        connection: &Connection,
        conflict: &str,
    ) -> Result<(), sqlite_store::StoreError> {
        let sql = format!(
            "INSERT INTO deferred ({MESSAGE_COLUMNS}, queue, attempts, reason, next_at, parked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12) {conflict}"
        );
        let message = self.message;
        connection.prepare_cached(&sql)?.execute(params![
            message.id,
            message.event_type,
            message.correlation_id,
            message.aggregate_version,
            message.occurred_at.unix_millis(),
            message.producer,
            message.traceparent,
            message.body,
            self.queue,
            self.reason,
            self.next_at,
            self.parked_at,
        ])?;
        Ok(())
    }
}

fn parked_message(row: &Row<'_>) -> rusqlite::Result<ParkedMessage> {
    Ok(ParkedMessage {
        message: message(row)?,
        queue: row.get(8)?,
        attempts: row.get(9)?,
        reason: row.get(10)?,
        parked_at: Timestamp::from_unix_millis(row.get(11)?),
    })
}
