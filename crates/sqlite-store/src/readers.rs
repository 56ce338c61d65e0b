//! A few connections that read beside the writer.

use std::ops::Deref;
use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::StoreError;

/// Read-only connections, lent to one query at a time.
#[derive(Debug)]
pub(crate) struct Readers {
    idle: std::sync::Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// A lent connection; goes back when dropped, also by a panic.
struct Lent {
    readers: Arc<Readers>,
    connection: Option<Connection>,
}

impl Readers {
    pub(crate) fn new(connections: Vec<Connection>) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            idle: std::sync::Mutex::new(connections),
        })
    }

    /// Runs a query on one of the connections, off the async threads.
    pub(crate) async fn run<T, E, F>(self: &Arc<Self>, query: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let lent = readers.lend()?;
            let result = query(&lent);
            drop(lent);
            drop(permit);
            result
        });
        done.await.map_err(|_| StoreError::Panicked)?
    }

    /// No further query is started.
    pub(crate) fn close(&self) {
        self.permits.close();
        if let Ok(mut idle) = self.idle.lock() {
            idle.clear();
        }
    }

    fn lend(self: Arc<Self>) -> Result<Lent, StoreError> {
        let connection = self.idle.lock().map_err(|_| StoreError::Panicked)?.pop();
        Ok(Lent {
            connection: Some(connection.ok_or(StoreError::Closed)?),
            readers: self,
        })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.readers.idle.lock())
            && !self.readers.permits.is_closed()
        {
            idle.push(connection);
        }
    }
}

impl Deref for Lent {
    type Target = Connection;

    #[expect(
        clippy::expect_used,
        reason = "the connection is taken by `drop` only, after which nobody can call this"
    )]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("lent until dropped")
    }
}
