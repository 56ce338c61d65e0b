//! The files of a data folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, OpenFlags, Params, Row};

/// How long a read waits for a checkpoint.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The store of one service, opened for reading.
///
/// Opened by SQLite itself and never copied: a copy of a file that is being written is torn, and closing any other handle
/// to it would drop the locks of a shop that runs in this same process.
pub(super) struct Store {
    /// The service.
    pub(super) name: &'static str,
    connection: Connection,
}

/// The stores that are there: a shop that was started without a service has none for it.
pub(super) struct Files {
    pub(super) user: Option<Store>,
    pub(super) product: Option<Store>,
    pub(super) order: Option<Store>,
    pub(super) notification: Option<Store>,
    pub(super) broker: Option<Store>,
}

impl Files {
    pub(super) fn open(data: &Path) -> Result<Self> {
        Ok(Self {
            user: Store::open(data, "user")?,
            product: Store::open(data, "product")?,
            order: Store::open(data, "order")?,
            notification: Store::open(data, "notification")?,
            broker: Store::open(data, "broker")?,
        })
    }

    /// The stores of services: those that have an outbox and an inbox.
    pub(super) fn services(&self) -> impl Iterator<Item = &Store> {
        [&self.user, &self.product, &self.order, &self.notification]
            .into_iter()
            .flatten()
    }

    /// The store of the service that reads a queue.
    pub(super) fn reader_of(&self, queue: &str) -> Option<&Store> {
        let service = queue.split('.').next().unwrap_or_default();
        self.services().find(|store| store.name == service)
    }

    /// Whether every service that tells events is there.
    pub(super) fn all_services(&self) -> bool {
        self.services().count() == 4
    }
}

impl Store {
    fn open(data: &Path, name: &'static str) -> Result<Option<Self>> {
        let path = data.join(format!("{name}.db"));
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .with_context(|| format!("cannot open {}", path.display()))?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // A file that was made and not migrated yet has no rows to check.
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok((tables > 0).then_some(Self { name, connection }))
    }

    /// The rows of a query.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params, read)?.collect()
        };
        let rows: rusqlite::Result<Vec<T>> = rows();
        rows.with_context(|| format!("cannot read {}: {sql}", self.name))
    }

    /// The first column of a query, as text.
    pub(super) fn texts(&self, sql: &str) -> Result<Vec<String>> {
        self.rows(sql, [], |row| row.get(0))
    }
}
