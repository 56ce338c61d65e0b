//! The store as services hold it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use store_kit::{Applied, StoreHandle};

use crate::error::{OpenError, StoreError};
use crate::readers::Readers;
use crate::schema::{Schema, check, migrate};
use crate::writer::Writer;

/// Connections that read beside the writer. Each costs about a megabyte of cache when warm.
const READERS: usize = 2;

/// One SQLite file. Cheap to clone; the file is closed by [`Database::close`], or when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Database {
    writer: Writer,
    readers: Arc<Readers>,
}

impl Database {
    /// Opens the file, or makes it, checks that it is intact, and brings it up to the schema.
    ///
    /// The folder must exist. The check reads the whole file, which takes about a second a gigabyte.
    pub async fn open(path: &Path, schema: &'static Schema) -> Result<Self, OpenError> {
        let file = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open(&file, schema)).await;
        opened.unwrap_or_else(|_| {
            Err(OpenError::Thread {
                path: path.to_owned(),
                source: std::io::Error::other("opening was cut short"),
            })
        })
    }

    /// Opens a file beside the process whose store it is. It must be there and have the schema: nothing is made, checked
    /// or migrated. Commands wait for those of the other process, and the other way round.
    pub async fn attach(path: &Path, schema: &'static Schema) -> Result<Self, OpenError> {
        let file = path.to_owned();
        let attached = tokio::task::spawn_blocking(move || attach(&file, schema)).await;
        attached.unwrap_or_else(|_| {
            Err(OpenError::Thread {
                path: path.to_owned(),
                source: std::io::Error::other("opening was cut short"),
            })
        })
    }

    /// Brings the file, or a new one, up to the schema, and closes it.
    pub async fn migrate(path: &Path, schema: &'static Schema) -> Result<Applied, OpenError> {
        let database = Self::open(path, schema).await?;
        database.close().await;
        Ok(schema.applied())
    }

    /// Runs a command: all or nothing, durable when this returns `Ok`.
    ///
    /// The command runs on the writer thread in a savepoint, so it must not start or end transactions, and it must not
    /// wait for anything. If this future is dropped, the command may have been applied.
    pub async fn write<T, E, F>(&self, command: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writer.run(command).await
    }

    /// How a statement would be carried out, one step a line (`EXPLAIN QUERY PLAN`). With it services prove that what they ask
    /// for is found along an index.
    pub async fn query_plan(&self, sql: &str) -> Result<String, StoreError> {
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        self.read(move |connection| {
            let mut statement = connection.prepare(&sql)?;
            let steps = statement
                .raw_query()
                .mapped(|row| row.get::<_, String>(3))
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(steps.join("\n"))
        })
        .await
    }

    /// Runs a query against what is committed. The connection refuses to write.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.readers.run(query).await
    }

    /// Whether the store answers: for readiness.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            connection.query_row("SELECT 1", [], |_| Ok(()))?;
            Ok(())
        })
        .await
    }

    /// Finishes what waits and closes the file; later commands and queries, also those of clones, are refused.
    pub async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

#[async_trait]
impl StoreHandle for Database {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn ping(&self) -> Result<(), store_kit::StoreError> {
        Ok(Self::ping(self).await?)
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

fn open(path: &Path, schema: &'static Schema) -> Result<Database, OpenError> {
    let mut writer = crate::open::writer(path)?;
    migrate(schema, &mut writer, path)?;
    with_readers(path, writer, schema.service)
}

fn attach(path: &Path, schema: &'static Schema) -> Result<Database, OpenError> {
    let writer = crate::open::second_writer(path)?;
    check(schema, &writer, path)?;
    with_readers(path, writer, schema.service)
}

fn with_readers(
    path: &Path,
    writer: Connection,
    service: &'static str,
) -> Result<Database, OpenError> {
    let readers = (0..READERS)
        .map(|_| crate::open::reader(path))
        .collect::<Result<Vec<_>, _>>()?;
    let writer = Writer::start(writer, service).map_err(|source| OpenError::Thread {
        path: path.to_owned(),
        source,
    })?;
    Ok(Database {
        writer,
        readers: Readers::new(readers),
    })
}
