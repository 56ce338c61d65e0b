//! The outbox in a PostgreSQL store.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use postgres_store::store_error;
use sqlx::Row as _;
use store_kit::StoreError;

use super::{PostgresMessages, message, number, statements};
use crate::handoff::Handoff;
use crate::message::Message;
use crate::outbox::{OutboxStats, OutboxStore, Replayed};

impl PostgresMessages {
    /// Two replicas that change the same rows (after a lease had ended) take them in the same order.
    async fn change_each(
        &self,
        statement: &'static str,
        mut ids: Vec<String>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        ids.sort_unstable();
        let statement = sqlx::query(statement).bind(ids).bind(at.unix_millis());
        self.change(statement).await?;
        Ok(())
    }
}

#[async_trait]
impl OutboxStore for PostgresMessages {
    async fn claim(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let claim = sqlx::query(statements::CLAIM)
            .bind(now.plus(lease).unix_millis())
            .bind(now.unix_millis())
            .bind(i64::from(limit));
        let claimed = self.rows(claim, |row| Ok((row.try_get::<i64, _>(8)?, message(row)?)));
        let mut claimed = claimed.await?;
        // An UPDATE returns its rows in no order.
        claimed.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(claimed.into_iter().map(|(_, message)| message).collect())
    }

    async fn mark_published(&self, ids: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        self.change_each(statements::MARK_PUBLISHED, ids, now).await
    }

    async fn release(&self, ids: Vec<String>, until: Timestamp) -> Result<(), StoreError> {
        self.change_each(statements::RELEASE, ids, until).await
    }

    fn handoff(&self) -> Option<&Handoff> {
        Some(&self.handoff)
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        let asked = sqlx::query(statements::OUTBOX_STATS).fetch_one(self.db.pool());
        let row = self.db.bounded(asked).await?;
        let oldest: Option<i64> = row.try_get(1).map_err(store_error)?;
        Ok(OutboxStats {
            pending: number(&row, 0).map_err(store_error)?,
            oldest: oldest.map(Timestamp::from_unix_millis),
        })
    }

    async fn replay_some(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Replayed, StoreError> {
        let asked = sqlx::query(statements::REPLAY_SOME)
            .bind(since.unix_millis())
            .bind(after)
            .bind(i64::from(limit))
            .fetch_one(self.db.pool());
        let row = self.db.bounded(asked).await?;
        Ok(Replayed {
            events: number(&row, 0).map_err(store_error)?,
            last: row.try_get(1).map_err(store_error)?,
        })
    }
}
