//! Migrations: they only expand, and each says the oldest program that can still work with the result.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use crate::error::OpenError;

/// One step of a schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, from 1 without gaps.
    pub version: u32,
    /// What it does, for people.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
    /// The oldest schema version a program must know to work on a database that has this step.
    pub min_binary: u32,
}

/// The schema of one service's store.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// The service, as metrics name it.
    pub service: &'static str,
    /// All steps, in order.
    pub migrations: &'static [Migration],
}

impl Schema {
    /// The newest version this program knows.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.migrations.last().map_or(0, |step| step.version)
    }

    /// Brings a database up to this schema in one transaction.
    pub(crate) fn migrate(
        &self,
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
        let (current, needed) = applied(&transaction).map_err(|source| failed("table", source))?;
        if needed > self.version() {
            return Err(OpenError::TooNew {
                path: path.to_owned(),
                needed,
                known: self.version(),
            });
        }
        for step in self.migrations.iter().filter(|step| step.version > current) {
            transaction
                .execute_batch(step.sql)
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
}

/// The newest applied version and the newest program version any step asked for.
fn applied(connection: &Connection) -> rusqlite::Result<(u32, u32)> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
           version INTEGER PRIMARY KEY,
           name TEXT NOT NULL,
           min_binary INTEGER NOT NULL,
           applied_at INTEGER NOT NULL
         ) STRICT",
    )?;
    let found = connection
        .query_row(
            "SELECT max(version), max(min_binary) FROM schema_migrations HAVING count(*) > 0",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(found.unwrap_or((0, 0)))
}
