//! The files of a data folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use contracts::{Clock as _, SystemClock};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::sql::{Cell, Query, Row};
use super::tables::{MESSAGES, Store};
use crate::checker::snapshot::{Queues, Snapshot, Waiting};

/// How long a read waits for a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const WAITING: &[Query<Vec<Waiting>>] = &[Query {
    sql: "SELECT queue, origin, id || ' ' || type FROM message",
    take: |waiting, mut row| {
        waiting.push(Waiting {
            queue: row.text()?,
            origin: row.text()?,
            message: row.text()?,
        });
        Ok(())
    },
}];

/// The stores of the folder that are there: a shop that was started without a service has none for it.
pub(in crate::checker) fn folder(data: &Path) -> Result<Snapshot> {
    Ok(Snapshot {
        taken_at: SystemClock.now().unix_millis(),
        user: store(data, "user")?,
        product: store(data, "product")?,
        order: store(data, "order")?,
        notification: store(data, "notification")?,
        broker: broker(data)?,
        tap: None,
        mails: None,
    })
}

fn store<S: Store>(data: &Path, name: &str) -> Result<Option<S>> {
    let Some(file) = File::open(data, name)? else {
        return Ok(None);
    };
    let mut store = S::default();
    file.read(S::QUERIES, &mut store)?;
    file.read(MESSAGES, store.messages())?;
    Ok(Some(store))
}

fn broker(data: &Path) -> Result<Option<Queues>> {
    let Some(file) = File::open(data, "broker")? else {
        return Ok(None);
    };
    let mut waiting = Vec::new();
    file.read(WAITING, &mut waiting)?;
    Ok(Some(Queues::Open(waiting)))
}

/// One file, opened for reading, as it was at one moment.
///
/// Opened by SQLite itself and never copied: a copy of a file that is being written is torn, and closing any other handle
/// to it would drop the locks of a shop that runs in this same process.
struct File {
    name: String,
    connection: Connection,
}

impl File {
    fn open(data: &Path, name: &str) -> Result<Option<Self>> {
        let path = data.join(format!("{name}.db"));
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .with_context(|| format!("cannot open {}", path.display()))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.execute_batch("BEGIN")?;
        // A file that was made and not migrated yet has no rows to check.
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .with_context(|| format!("cannot read {}", path.display()))?;
        let name = name.to_owned();
        Ok((tables > 0).then_some(Self { name, connection }))
    }

    fn read<T>(&self, queries: &[Query<T>], into: &mut T) -> Result<()> {
        for query in queries {
            self.read_one(query, into)
                .with_context(|| format!("cannot read {}: {}", self.name, query.sql))?;
        }
        Ok(())
    }

    fn read_one<T>(&self, query: &Query<T>, into: &mut T) -> Result<()> {
        let mut statement = self.connection.prepare(query.sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|column| Ok(cell(row.get_ref(column)?)));
            let cells: rusqlite::Result<Vec<Cell>> = cells.collect();
            (query.take)(into, Row::new(cells?))?;
        }
        Ok(())
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Integer(number) => Cell::Number(number),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        // No statement asks for anything else.
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Null,
    }
}
