//! A service's store as the service is wired with it.

use std::sync::Arc;

use store_kit::{OpenError, StoreHandle};

use crate::handoff::Handoff;
use crate::mongo::MongoMessages;
use crate::postgres::PostgresMessages;
use crate::sqlite::SqliteMessages;
use crate::upkeep::MessageStore;

/// An open store: the service's own commands, its messaging tables, and what the process holds it by. All three are one
/// database, so that a command and its events are one transaction.
pub struct Opened<S: ?Sized> {
    /// The service's commands.
    pub store: Arc<S>,
    /// Outbox, inbox and deferred messages.
    pub messages: Arc<dyn MessageStore>,
    /// Readiness and the end.
    pub handle: Arc<dyn StoreHandle>,
}

impl<S: ?Sized> Opened<S> {
    /// On a file that this process has to itself: what an earlier one had claimed is free again.
    pub async fn on_sqlite(
        database: sqlite_store::Database,
        store: Arc<S>,
    ) -> Result<Self, OpenError> {
        let messages = SqliteMessages::open(database.clone()).await;
        let messages = messages.map_err(OpenError::refused)?;
        Ok(Self::of(store, messages, database))
    }

    /// On a file beside the process whose store it is: what that one has claimed stays claimed.
    pub fn beside_sqlite(database: sqlite_store::Database, store: Arc<S>) -> Self {
        Self::of(store, SqliteMessages::attach(database.clone()), database)
    }

    /// On MongoDB; `handoff` is what the store's commands hand their events over by.
    pub fn on_mongo(database: mongo_store::Database, handoff: Handoff, store: Arc<S>) -> Self {
        let messages = MongoMessages::new(database.clone()).with(handoff);
        Self::of(store, messages, database)
    }

    /// On PostgreSQL; `handoff` is what the store's commands hand their events over by.
    pub fn on_postgres(
        database: postgres_store::Database,
        handoff: Handoff,
        store: Arc<S>,
    ) -> Self {
        let messages = PostgresMessages::new(database.clone()).with(handoff);
        Self::of(store, messages, database)
    }

    fn of(
        store: Arc<S>,
        messages: impl MessageStore + 'static,
        handle: impl StoreHandle + 'static,
    ) -> Self {
        Self {
            store,
            messages: Arc::new(messages),
            handle: Arc::new(handle),
        }
    }
}
