//! The replies kept for `Idempotency-Key`, written in the same transaction as the effect.

use contracts::Timestamp;
use sqlx::{PgConnection, PgExecutor};
use store_kit::{KeptReply, StoreError};

use crate::error::{store_error, unreadable};

/// The table; part of a service's first migration.
pub const SCHEMA_SQL: &str = "
CREATE TABLE idempotency (
  caller TEXT COLLATE \"C\" NOT NULL,
  key TEXT COLLATE \"C\" NOT NULL,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  object_id TEXT NOT NULL,
  location TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
";

const FIND: &str = "SELECT fingerprint, status, object_id, location FROM idempotency
     WHERE caller = $1 AND key = $2";
const RECORD: &str =
    "INSERT INTO idempotency (caller, key, fingerprint, status, object_id, location, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
/// Replicas sweep at the same time: each takes what no other is taking. Picked into an array, because PostgreSQL takes a limit
/// it does not know for a tenth of the table; by place in the table, because the key has two columns and rows never move.
const SWEEP: &str = "DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency WHERE created_at < $1
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))";

/// Every statement with its name, for tests.
pub const STATEMENTS: &[(&str, &str)] = &[
    ("idempotency::FIND", FIND),
    ("idempotency::RECORD", RECORD),
    ("idempotency::SWEEP", SWEEP),
];

/// What is stored for a caller's key.
pub async fn find(
    executor: impl PgExecutor<'_>,
    caller: &str,
    key: &str,
) -> Result<Option<KeptReply>, StoreError> {
    let found: Option<(String, i32, String, Option<String>)> = sqlx::query_as(FIND)
        .bind(caller)
        .bind(key)
        .fetch_optional(executor)
        .await
        .map_err(store_error)?;
    let Some((fingerprint, status, object_id, location)) = found else {
        return Ok(None);
    };
    let status = u16::try_from(status).map_err(|error| store_error(unreadable(1, error)))?;
    Ok(Some(KeptReply {
        fingerprint,
        status,
        object_id,
        location,
    }))
}

/// Stores the reply of the first request under a key; `false` if the key has one. A request under the same key that is being
/// carried out at the same time is waited for, so `false` means that [`find`] sees its reply: the row is the arbiter.
pub async fn record(
    connection: &mut PgConnection,
    caller: &str,
    key: &str,
    reply: &KeptReply,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let recorded = sqlx::query(RECORD)
        .bind(caller)
        .bind(key)
        .bind(&reply.fingerprint)
        .bind(i32::from(reply.status))
        .bind(&reply.object_id)
        .bind(&reply.location)
        .bind(now.unix_millis())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(recorded.rows_affected() == 1)
}

/// Forgets at most `limit` replies older than `before`; returns how many.
pub async fn sweep(
    executor: impl PgExecutor<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<usize, StoreError> {
    let swept = sqlx::query(SWEEP)
        .bind(before.unix_millis())
        .bind(i64::from(limit))
        .execute(executor)
        .await
        .map_err(store_error)?;
    Ok(usize::try_from(swept.rows_affected()).unwrap_or(usize::MAX))
}
