//! Deferred and parked messages in an embedded store.

use async_trait::async_trait;
use contracts::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use store_kit::StoreError;

use super::{MESSAGE_COLUMNS, SqliteMessages, message};
use crate::deferred::{
    DeferredMessage, DeferredStats, DeferredStore, LEASE, ParkedMessage, ParkedPosition,
};
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
        let conflict =
            "ON CONFLICT DO UPDATE SET next_at = NULL, unended = 0, reason = excluded.reason,
            attempts = attempts + 1, parked_at = coalesce(parked_at, excluded.parked_at)";
        self.write(move |connection| row.insert(connection, conflict))
            .await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError> {
        self.take(now, limit, false).await
    }

    async fn suspect(&self, now: Timestamp) -> Result<Option<DeferredMessage>, StoreError> {
        Ok(self.take(now, 1, true).await?.pop())
    }

    async fn resolve(&self, tried: &DeferredMessage) -> Result<(), StoreError> {
        let (id, queue) = (tried.message.id.clone(), tried.queue.clone());
        self.write(move |connection| {
            connection.execute(
                "DELETE FROM deferred WHERE id = ?1 AND queue = ?2",
                params![id, queue],
            )?;
            Ok(())
        })
        .await
    }

    async fn reschedule(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.ended(
            tried,
            "unended = 0, reason = ?4, next_at = ?5",
            Some(reason),
            next_at,
        )
        .await
    }

    async fn give_back(
        &self,
        tried: &DeferredMessage,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let change = "attempts = attempts - 1, unended = unended - 1, reason = coalesce(?4, reason), next_at = ?5";
        self.ended(tried, change, None, next_at).await
    }

    async fn give_up(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let change = "unended = 0, reason = ?4, next_at = NULL, parked_at = ?5";
        self.ended(tried, change, Some(reason), now).await
    }

    async fn parked(
        &self,
        after: Option<ParkedPosition>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError> {
        let parked_at = after
            .as_ref()
            .map_or(-1, |last| last.parked_at.unix_millis());
        let (id, queue) = after.map(|last| (last.id, last.queue)).unwrap_or_default();
        self.read(move |connection| {
            let sql = format!(
                "SELECT {MESSAGE_COLUMNS}, queue, attempts, reason, parked_at
                 FROM deferred INDEXED BY deferred_parked
                 WHERE parked_at IS NOT NULL AND (parked_at, id, queue) > (?1, ?2, ?4)
                 ORDER BY parked_at, id, queue LIMIT ?3"
            );
            let parked = connection
                .prepare_cached(&sql)?
                .query_map(params![parked_at, id, limit, queue], parked_message)?
                .collect::<Result<_, _>>()?;
            Ok(parked)
        })
        .await
    }

    async fn parked_in(&self, id: &str) -> Result<Vec<String>, StoreError> {
        let id = id.to_owned();
        self.read(move |connection| {
            let queues = connection
                .prepare_cached(
                    "SELECT queue FROM deferred WHERE id = ?1 AND parked_at IS NOT NULL ORDER BY queue",
                )?
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok(queues)
        })
        .await
    }

    async fn parked_message(
        &self,
        queue: &str,
        id: &str,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.read(move |connection| {
            let sql = format!(
                "SELECT {MESSAGE_COLUMNS}, queue, attempts, reason, parked_at FROM deferred
                 WHERE id = ?1 AND queue = ?2 AND parked_at IS NOT NULL"
            );
            let parked = connection
                .prepare_cached(&sql)?
                .query_row(params![id, queue], parked_message)
                .optional()?;
            Ok(parked)
        })
        .await
    }

    async fn replay(&self, queue: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.write(move |connection| {
            let changed = connection.execute(
                "UPDATE deferred SET next_at = ?3, parked_at = NULL, attempts = 0
                 WHERE id = ?1 AND queue = ?2 AND parked_at IS NOT NULL",
                params![id, queue, now.unix_millis()],
            )?;
            Ok(changed > 0)
        })
        .await
    }

    async fn discard(&self, queue: &str, id: &str) -> Result<bool, StoreError> {
        let (queue, id) = (queue.to_owned(), id.to_owned());
        self.write(move |connection| {
            let changed = connection.execute(
                "DELETE FROM deferred WHERE id = ?1 AND queue = ?2 AND parked_at IS NOT NULL",
                params![id, queue],
            )?;
            Ok(changed > 0)
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

impl SqliteMessages {
    /// Takes what is due: suspects, or the others.
    async fn take(
        &self,
        now: Timestamp,
        limit: u32,
        suspects: bool,
    ) -> Result<Vec<DeferredMessage>, StoreError> {
        // Looking costs no commit, and most looks find nothing.
        let find = move |connection: &Connection| due(connection, now, limit, suspects);
        if self.read(find).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.write(move |connection| {
            let mut taken = find(connection)?;
            let mut take = connection.prepare_cached(
                "UPDATE deferred SET unended = unended + 1, attempts = attempts + 1, next_at = ?3 WHERE id = ?1 AND queue = ?2",
            )?;
            let until = now.plus(LEASE).unix_millis();
            for deferred in &mut taken {
                take.execute(params![deferred.message.id, deferred.queue, until])?;
                deferred.attempts += 1;
            }
            Ok(taken)
        })
        .await
    }

    /// Tells how a try ended, unless the message was taken by another since.
    async fn ended(
        &self,
        tried: &DeferredMessage,
        change: &'static str,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (id, queue, attempts) = (
            tried.message.id.clone(),
            tried.queue.clone(),
            tried.attempts,
        );
        let reason = reason.map(ToOwned::to_owned);
        let sql = format!(
            "UPDATE deferred SET {change} WHERE id = ?1 AND queue = ?2 AND attempts = ?3 AND unended > 0"
        );
        self.write(move |connection| {
            connection.prepare_cached(&sql)?.execute(params![
                id,
                queue,
                attempts,
                reason,
                at.unix_millis()
            ])?;
            Ok(())
        })
        .await
    }
}

fn due(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
    suspects: bool,
) -> Result<Vec<DeferredMessage>, sqlite_store::StoreError> {
    let sql = format!(
        "SELECT {MESSAGE_COLUMNS}, queue, attempts, unended FROM deferred INDEXED BY deferred_due
         WHERE next_at <= ?1 AND (unended > 0) = ?3 ORDER BY next_at LIMIT ?2"
    );
    let due = connection
        .prepare_cached(&sql)?
        .query_map(params![now.unix_millis(), limit, suspects], |row| {
            Ok(DeferredMessage {
                message: message(row)?,
                queue: row.get(8)?,
                attempts: row.get(9)?,
                unended: row.get(10)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(due)
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
