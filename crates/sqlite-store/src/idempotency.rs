//! The replies kept for `Idempotency-Key`, written in the same transaction as the effect.

use contracts::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use store_kit::KeptReply;

use crate::error::StoreError;

/// The table; part of a service's first migration.
pub const SCHEMA_SQL: &str = "
CREATE TABLE idempotency (
  caller TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  object_id TEXT NOT NULL,
  location TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
";

/// What is stored for a caller's key.
pub fn find(
    connection: &Connection,
    caller: &str,
    key: &str,
) -> Result<Option<KeptReply>, StoreError> {
    let stored = connection
        .prepare_cached(
            "SELECT fingerprint, status, object_id, location FROM idempotency
             WHERE caller = ?1 AND key = ?2",
        )?
        .query_row(params![caller, key], |row| {
            Ok(KeptReply {
                fingerprint: row.get(0)?,
                status: row.get(1)?,
                object_id: row.get(2)?,
                location: row.get(3)?,
            })
        })
        .optional()?;
    Ok(stored)
}

/// Stores the reply of the first request under a key.
pub fn record(
    connection: &Connection,
    caller: &str,
    key: &str,
    reply: &KeptReply,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO idempotency (caller, key, fingerprint, status, object_id, location, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            caller,
            key,
            reply.fingerprint,
            reply.status,
            reply.object_id,
            reply.location,
            now.unix_millis(),
        ])?;
    Ok(())
}

/// Forgets at most `limit` replies older than `before`; returns how many.
pub fn sweep(connection: &Connection, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
    let swept = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE (caller, key) IN (
               SELECT caller, key FROM idempotency WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
        )?
        .execute(params![before.unix_millis(), limit])?;
    Ok(swept)
}
