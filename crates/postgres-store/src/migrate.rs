//! Migrations on PostgreSQL: one program at a time, each step in one transaction.

use std::time::Duration;

use service_kit::settings::StoreSettings;
use sqlx::{Connection as _, PgConnection};
use store_kit::{Applied, OpenError};

use crate::connect::Place;
use crate::{Migration, Schema};

/// Names the lock that migrations hold; locks are the database's own, so any number will do.
const LOCK: i64 = 0x5348_4f50;
const TAKE_LOCK: &str = "SELECT pg_advisory_lock($1)";
const TABLE_EXISTS: &str = "SELECT to_regclass('schema_migrations') IS NOT NULL";
const MAKE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  min_binary INTEGER NOT NULL,
  applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";
const APPLIED: &str =
    "SELECT coalesce(max(version), 0), coalesce(max(min_binary), 0) FROM schema_migrations";
const RECORD: &str =
    "INSERT INTO schema_migrations (version, name, min_binary) VALUES ($1, $2, $3)";

/// What has been applied to the database of a connection.
pub(crate) async fn applied(connection: &mut PgConnection) -> sqlx::Result<Applied> {
    let exists: bool = sqlx::query_scalar(TABLE_EXISTS)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        return Ok(Applied::default());
    }
    let (version, min_binary): (i32, i32) = sqlx::query_as(APPLIED).fetch_one(connection).await?;
    Ok(Applied {
        version: u32::try_from(version).unwrap_or(0),
        min_binary: u32::try_from(min_binary).unwrap_or(0),
    })
}

/// Applies what is missing; returns what the database has then. Two programs that do this at once do it one after the other.
pub(crate) async fn migrate(
    settings: &StoreSettings,
    schema: &'static Schema,
) -> Result<Applied, OpenError> {
    let place = Place::of(settings, schema.service)?;
    let wait = Duration::from_millis(settings.pool.wait_ms);
    let mut connection = place.connection(wait).await?;
    place.check_server(&mut connection).await?;
    let refusal = |error| place.refusal(error);
    // The lock goes with the connection, also if this process dies.
    let locking = sqlx::query(TAKE_LOCK).bind(LOCK);
    locking.execute(&mut connection).await.map_err(refusal)?;
    let making = sqlx::query(MAKE_TABLE);
    making.execute(&mut connection).await.map_err(refusal)?;
    let found = applied(&mut connection).await.map_err(refusal)?;
    schema.check_not_too_new(found, &place.name)?;
    for step in schema.missing(found) {
        apply(&mut connection, step).await.map_err(refusal)?;
        tracing::info!(
            store = place.name,
            version = step.version,
            step = step.name,
            "the store was migrated"
        );
    }
    let now = applied(&mut connection).await.map_err(refusal)?;
    connection.close().await.map_err(refusal)?;
    Ok(now)
}

async fn apply(connection: &mut PgConnection, step: &Migration) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(step.work).execute(&mut *transaction).await?;
    sqlx::query(RECORD)
        .bind(i32::try_from(step.version).unwrap_or(i32::MAX))
        .bind(step.name)
        .bind(i32::try_from(step.min_binary).unwrap_or(i32::MAX))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
