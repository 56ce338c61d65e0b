//! Migrations of a file. They are applied when it is opened: only one process works on it.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use store_kit::Applied;

use crate::error::OpenError;

/// The schema of one service's store; each step is SQL.
pub type Schema = store_kit::Schema<&'static str>;
/// One step of it.
pub type Migration = store_kit::Migration<&'static str>;

/// Brings a database up to a schema in one transaction.
pub(crate) fn migrate(
    schema: &Schema,
    connection: &mut Connection,
    path: &Path,
) -> Result<(), OpenError> {
    let failed = |name, source| OpenError::Migration {
        path: path.to_owned(),
        name,
        source,
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|source| failed("begin", source))?;
    let applied = applied(&transaction).map_err(|source| failed("table", source))?;
    if applied.min_binary > schema.version() {
        return Err(OpenError::TooNew {
            path: path.to_owned(),
            needed: applied.min_binary,
            known: schema.version(),
        });
    }
    for step in schema.missing(applied) {
        transaction
            .execute_batch(step.work)
            .and_then(|()| {
                transaction.execute(
                    "INSERT INTO schema_migrations (version, name, min_binary, applied_at)
                     VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))",
                    params![step.version, step.name, step.min_binary],
                )
            })
            .map_err(|source| failed(step.name, source))?;
    }
    transaction
        .commit()
        .map_err(|source| failed("commit", source))
}

/// Refuses a file that lacks steps, and one that needs a newer program. Writes nothing.
pub(crate) fn check(
    schema: &Schema,
    connection: &Connection,
    path: &Path,
) -> Result<(), OpenError> {
    let found = found(connection).map_err(|source| OpenError::Unwritable {
        path: path.to_owned(),
        source,
    })?;
    if found.min_binary > schema.version() {
        return Err(OpenError::TooNew {
            path: path.to_owned(),
            needed: found.min_binary,
            known: schema.version(),
        });
    }
    if found.version < schema.version() {
        return Err(OpenError::NotMigrated {
            path: path.to_owned(),
            found: found.version,
            needed: schema.version(),
        });
    }
    Ok(())
}

fn found(connection: &Connection) -> rusqlite::Result<Applied> {
    let exists = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'schema_migrations')";
    if connection.query_row(exists, [], |row| row.get(0))? {
        newest(connection)
    } else {
        Ok(Applied::default())
    }
}

fn applied(connection: &Connection) -> rusqlite::Result<Applied> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
           version INTEGER PRIMARY KEY,
           name TEXT NOT NULL,
           min_binary INTEGER NOT NULL,
           applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    newest(connection)
}

fn newest(connection: &Connection) -> rusqlite::Result<Applied> {
    let found = connection
        .query_row(
            "SELECT max(version), max(min_binary) FROM schema_migrations HAVING count(*) > 0",
            [],
            |row| {
                Ok(Applied {
                    version: row.get(0)?,
                    min_binary: row.get(1)?,
                })
            },
        )
        .optional()?;
    Ok(found.unwrap_or_default())
}
