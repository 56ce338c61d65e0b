//! The outbox in an embedded store.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use rusqlite::params;
use store_kit::StoreError;

use super::{MESSAGE_COLUMNS, SqliteMessages, message};
use crate::message::Message;
use crate::outbox::{OutboxStats, OutboxStore, Replayed};

#[async_trait]
impl OutboxStore for SqliteMessages {
    async fn claim(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        // Looking costs no commit, and most looks find nothing.
        if self.outbox_is_empty().await? {
            return Ok(Vec::new());
        }
        self.write(move |connection| {
            let sql = format!(
                "UPDATE outbox SET claimed_until = ?1 WHERE seq IN (
                       SELECT seq FROM outbox INDEXED BY outbox_pending
                       WHERE published_at IS NULL AND claimed_until <= ?2 ORDER BY seq LIMIT ?3)
                     RETURNING {MESSAGE_COLUMNS}"
            );
            let until = now.plus(lease).unix_millis();
            let claimed = connection
                .prepare_cached(&sql)?
                .query_map(params![until, now.unix_millis(), limit], message)?
                .collect::<Result<_, _>>()?;
            Ok(claimed)
        })
        .await
    }

    async fn mark_published(&self, ids: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut stamp =
                connection.prepare_cached("UPDATE outbox SET published_at = ?2 WHERE id = ?1")?;
            for id in ids {
                stamp.execute(params![id, now.unix_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn release(&self, ids: Vec<String>, until: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| {
            let mut release =
                connection.prepare_cached("UPDATE outbox SET claimed_until = ?2 WHERE id = ?1")?;
            for id in ids {
                release.execute(params![id, until.unix_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        self.read(|connection| {
                let stats = connection
                    .prepare_cached(
                        "SELECT
                           (SELECT count(*) FROM outbox INDEXED BY outbox_pending WHERE published_at IS NULL),
                           (SELECT occurred_at FROM outbox INDEXED BY outbox_pending
                            WHERE published_at IS NULL ORDER BY seq LIMIT 1)",
                    )?
                    .query_row([], |row| {
                        Ok(OutboxStats {
                            pending: row.get(0)?,
                            oldest: row.get::<_, Option<i64>>(1)?.map(Timestamp::from_unix_millis),
                        })
                    })?;
                Ok(stats)
            })
            .await
    }

    async fn replay_some(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Replayed, StoreError> {
        let after = after.to_owned();
        self.write(move |connection| {
            let last: Option<String> = connection
                .prepare_cached(
                    "SELECT max(id) FROM (SELECT id FROM outbox WHERE id > ?1 ORDER BY id LIMIT ?2)",
                )?
                .query_row(params![after, limit], |row| row.get(0))?;
            let replayed = connection
                .prepare_cached(
                    "UPDATE outbox SET published_at = NULL, claimed_until = 0
                     WHERE id > ?1 AND id <= ?2 AND published_at IS NOT NULL AND occurred_at >= ?3",
                )?
                .execute(params![after, last, since.unix_millis()])?;
            Ok(Replayed {
                events: u64::try_from(replayed).unwrap_or(u64::MAX),
                last,
            })
        })
        .await
    }
}

impl SqliteMessages {
    async fn outbox_is_empty(&self) -> Result<bool, StoreError> {
        self.read(|connection| {
                let empty = connection
                    .prepare_cached(
                        "SELECT NOT EXISTS (SELECT 1 FROM outbox INDEXED BY outbox_pending WHERE published_at IS NULL)",
                    )?
                    .query_row([], |row| row.get(0))?;
                Ok(empty)
            })
            .await
    }
}
