//! Deferred and parked messages in a PostgreSQL store.

use async_trait::async_trait;
use contracts::Timestamp;
use postgres_store::store_error;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store_kit::StoreError;

use super::{
    PostgresMessages, Statement, attempts, message, number, statements, timestamp, version,
};
use crate::deferred::{
    DeferredMessage, DeferredStats, DeferredStore, LEASE, ParkedMessage, ParkedPosition,
};
use crate::message::Message;

impl PostgresMessages {
    /// Keeps a message; `at` is when it is tried again, or when it was parked.
    async fn keep(
        &self,
        statement: &'static str,
        queue: &str,
        message: &Message,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(statement)
            .bind(&message.id)
            .bind(&message.event_type)
            .bind(&message.correlation_id)
            .bind(version(message)?)
            .bind(message.occurred_at.unix_millis())
            .bind(&message.producer)
            .bind(&message.traceparent)
            .bind(&message.body)
            .bind(queue)
            .bind(reason)
            .bind(at.unix_millis());
        self.change(statement).await?;
        Ok(())
    }

    /// Takes what is due: suspects, or the others.
    async fn take(
        &self,
        now: Timestamp,
        limit: u32,
        suspects: bool,
    ) -> Result<Vec<DeferredMessage>, StoreError> {
        let claim = sqlx::query(statements::DUE)
            .bind(now.plus(LEASE).unix_millis())
            .bind(now.unix_millis())
            .bind(i64::from(limit))
            .bind(suspects);
        let due = self.rows(claim, |row| {
            let deferred = DeferredMessage {
                message: message(row)?,
                queue: row.try_get(8)?,
                attempts: attempts(row, 9)?,
                unended: attempts(row, 10)?,
            };
            Ok((row.try_get::<i64, _>(11)?, deferred))
        });
        let mut due = due.await?;
        // An UPDATE returns its rows in no order.
        due.sort_by_key(|(next_at, _)| *next_at);
        Ok(due.into_iter().map(|(_, deferred)| deferred).collect())
    }
}

/// A statement about one message, with its first two values.
fn of_message<'q>(statement: &'static str, queue: &'q str, id: &'q str) -> Statement<'q> {
    sqlx::query(statement).bind(id).bind(queue)
}

/// A statement about one try, with its first three values.
fn of_try<'q>(statement: &'static str, tried: &'q DeferredMessage) -> Statement<'q> {
    of_message(statement, &tried.queue, &tried.message.id)
        .bind(i32::try_from(tried.attempts).unwrap_or(i32::MAX))
}

#[async_trait]
impl DeferredStore for PostgresMessages {
    async fn defer(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.keep(statements::DEFER, queue, &message, reason, next_at)
            .await
    }

    async fn park(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.keep(statements::PARK, queue, &message, reason, now)
            .await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError> {
        self.take(now, limit, false).await
    }

    async fn suspect(&self, now: Timestamp) -> Result<Option<DeferredMessage>, StoreError> {
        Ok(self.take(now, 1, true).await?.pop())
    }

    async fn resolve(&self, tried: &DeferredMessage) -> Result<(), StoreError> {
        let statement = of_message(statements::RESOLVE, &tried.queue, &tried.message.id);
        self.change(statement).await.map(drop)
    }

    async fn reschedule(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = of_try(statements::RESCHEDULE, tried)
            .bind(reason)
            .bind(next_at.unix_millis());
        self.change(statement).await.map(drop)
    }

    async fn give_back(
        &self,
        tried: &DeferredMessage,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = of_try(statements::GIVE_BACK, tried).bind(next_at.unix_millis());
        self.change(statement).await.map(drop)
    }

    async fn give_up(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = of_try(statements::GIVE_UP, tried)
            .bind(reason)
            .bind(now.unix_millis());
        self.change(statement).await.map(drop)
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
        let statement = sqlx::query(statements::PARKED)
            .bind(parked_at)
            .bind(id)
            .bind(i64::from(limit))
            .bind(queue);
        self.rows(statement, parked_message).await
    }

    async fn parked_in(&self, id: &str) -> Result<Vec<String>, StoreError> {
        let statement = sqlx::query(statements::PARKED_IN).bind(id);
        self.rows(statement, |row| row.try_get(0)).await
    }

    async fn parked_message(
        &self,
        queue: &str,
        id: &str,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        let statement = of_message(statements::PARKED_MESSAGE, queue, id);
        Ok(self.rows(statement, parked_message).await?.pop())
    }

    async fn replay(&self, queue: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let statement = of_message(statements::REPLAY, queue, id).bind(now.unix_millis());
        Ok(self.change(statement).await? > 0)
    }

    async fn discard(&self, queue: &str, id: &str) -> Result<bool, StoreError> {
        let statement = of_message(statements::DISCARD, queue, id);
        Ok(self.change(statement).await? > 0)
    }

    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError> {
        let asked = sqlx::query(statements::DEFERRED_STATS).fetch_one(self.db.pool());
        let row = self.db.bounded(asked).await?;
        let count = |column| number(&row, column).map_err(store_error);
        Ok(DeferredStats {
            deferred: count(0)?,
            parked: count(1)?,
        })
    }
}

fn parked_message(row: &PgRow) -> sqlx::Result<ParkedMessage> {
    Ok(ParkedMessage {
        message: message(row)?,
        queue: row.try_get(8)?,
        attempts: attempts(row, 9)?,
        reason: row.try_get(10)?,
        parked_at: timestamp(row, 11)?,
    })
}
