//! Deferred and parked messages in a PostgreSQL store.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use postgres_store::store_error;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use store_kit::StoreError;

use super::{PostgresMessages, attempts, message, number, statements, timestamp, version};
use crate::deferred::{DeferredMessage, DeferredStats, DeferredStore, ParkedMessage};
use crate::message::Message;

/// For how long a replica has what was due to itself: longer than a round of tries. If it dies, another one tries then.
const LEASE: Duration = Duration::from_mins(2);

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
        let claim = sqlx::query(statements::DUE)
            .bind(now.plus(LEASE).unix_millis())
            .bind(now.unix_millis())
            .bind(i64::from(limit));
        let due = self.rows(claim, |row| {
            let deferred = DeferredMessage {
                message: message(row)?,
                queue: row.try_get(8)?,
                attempts: attempts(row, 9)?,
            };
            Ok((row.try_get::<i64, _>(10)?, deferred))
        });
        let mut due = due.await?;
        // An UPDATE returns its rows in no order.
        due.sort_by_key(|(next_at, _)| *next_at);
        Ok(due.into_iter().map(|(_, deferred)| deferred).collect())
    }

    async fn resolve(&self, id: &str) -> Result<(), StoreError> {
        self.change(sqlx::query(statements::RESOLVE).bind(id))
            .await?;
        Ok(())
    }

    async fn reschedule(
        &self,
        id: &str,
        attempts: u32,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let statement = sqlx::query(statements::RESCHEDULE)
            .bind(id)
            .bind(i32::try_from(attempts).unwrap_or(i32::MAX))
            .bind(reason)
            .bind(next_at.unix_millis());
        self.change(statement).await?;
        Ok(())
    }

    async fn parked(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError> {
        let (parked_at, id) = after.map_or((-1, String::new()), |(at, id)| (at.unix_millis(), id));
        let statement = sqlx::query(statements::PARKED)
            .bind(parked_at)
            .bind(id)
            .bind(i64::from(limit));
        self.rows(statement, parked_message).await
    }

    async fn parked_message(&self, id: &str) -> Result<Option<ParkedMessage>, StoreError> {
        let statement = sqlx::query(statements::PARKED_MESSAGE).bind(id);
        Ok(self.rows(statement, parked_message).await?.pop())
    }

    async fn replay(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let statement = sqlx::query(statements::REPLAY)
            .bind(id)
            .bind(now.unix_millis());
        Ok(self.change(statement).await? == 1)
    }

    async fn discard(&self, id: &str) -> Result<bool, StoreError> {
        let statement = sqlx::query(statements::DISCARD).bind(id);
        Ok(self.change(statement).await? == 1)
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
