//! Opening and checking the file.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use crate::error::OpenError;

/// How long a connection waits for another one's lock. There is one writer, so only a checkpoint can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept by each connection; more than any service has.
const STATEMENTS: usize = 128;

/// The connection that writes: the file is made if it is not there, checked and set up.
pub(crate) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let classify = |error| classify(path, error);
    make_private(path);
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(classify)?;
    common(&connection).map_err(classify)?;
    refuse_read_only(&connection).map_err(classify)?;
    check(&connection, path)?;
    // Small caches, here and in the readers: the system keeps the pages too, and the one binary has five stores with three
    // connections each.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -1000;
             PRAGMA journal_size_limit = 16777216;",
        )
        .map_err(classify)?;
    Ok(connection)
}

/// A connection that writes beside the process whose store it is.
pub(crate) fn second_writer(path: &Path) -> Result<Connection, OpenError> {
    if !path.is_file() {
        return Err(OpenError::Missing {
            path: path.to_owned(),
        });
    }
    let open = || {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        common(&connection)?;
        refuse_read_only(&connection)?;
        // Whether it is written to a log is the file's own property; how carefully, each connection's.
        connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
        Ok(connection)
    };
    open().map_err(|error| classify(path, error))
}

/// Makes the file, readable by its owner only: there is personal data in it, and its folder may be open to others. SQLite gives
/// the files beside it the same mode. If this fails, SQLite fails next and says why.
fn make_private(path: &Path) {
    let _ = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let open = || {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        common(&connection)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -500;")?;
        Ok(connection)
    };
    open().map_err(|error| classify(path, error))
}

/// SQLite opens a write-protected file all the same; the first order would find out.
fn refuse_read_only(connection: &Connection) -> rusqlite::Result<()> {
    if connection.is_readonly(MAIN_DB)? {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY),
            None,
        ));
    }
    Ok(())
}

fn common(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan does not depend on the values bound. Otherwise SQLite looks at them, and a statement with `LIMIT ?` is parsed
    // and planned again each time it is run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A container with a read-only root has no folder for temporary files; what a statement keeps aside is small here.
    connection.execute_batch("PRAGMA temp_store = MEMORY;")?;
    Ok(())
}

/// Reads the whole file once: a damaged page is found now, not when an order needs it.
fn check(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| classify(path, error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(OpenError::Damaged {
        path: path.to_owned(),
        detail: found.lines().next().unwrap_or_default().to_owned(),
    })
}

fn classify(path: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::Damaged {
            path: path.to_owned(),
            detail: error.to_string(),
        },
        _ => OpenError::Unwritable {
            path: path.to_owned(),
            source: error,
        },
    }
}
