//! The product store on SQLite.

mod catalog;
mod errors;
mod listing;
mod retell;
mod rows;
mod stock;

use std::path::Path;

use async_trait::async_trait;
use contracts::{AdjustmentId, Event, EventId, Payload, ProductId, Sku, UserId};
use rusqlite::Connection;
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use sqlite_store::{Database, Migration, OpenError, Schema, StoreError, idempotency};
use store_kit::Applied;

use crate::domain::product::{NewProduct, ProductPatch};
use crate::domain::stock::Rules;
use crate::store::{
    Adjustment, CategoryCount, ChangeError, CreateError, Filter, Inventory, Listed, Name, Once,
    Position, ProductStore, Retold, Retry, StockCommand, StoreFailure,
};

static SCHEMA: Schema = Schema {
    service: "product",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: messaging::sqlite::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: idempotency::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 3,
            name: "catalog and stock",
            work: include_str!("sqlite/schema.sql"),
            min_binary: 1,
        },
    ],
};

/// The product store in one file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    db: Database,
    rules: Rules,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings it up to the schema.
    pub async fn open(path: &Path, rules: Rules) -> Result<Self, OpenError> {
        let db = Database::open(path, &SCHEMA).await?;
        Ok(Self { db, rules })
    }

    /// Opens the file beside the process whose store it is: it must be there and have the schema.
    pub async fn attach(path: &Path, rules: Rules) -> Result<Self, OpenError> {
        let db = Database::attach(path, &SCHEMA).await?;
        Ok(Self { db, rules })
    }

    /// Brings the file, or a new one, up to the schema.
    pub async fn migrate(path: &Path) -> Result<Applied, OpenError> {
        Database::migrate(path, &SCHEMA).await
    }

    /// The file: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }
}

#[async_trait]
impl ProductStore for SqliteStore {
    async fn create(
        &self,
        new: NewProduct,
        actor: Option<UserId>,
        retry: Option<Retry>,
        context: Context,
    ) -> Result<Once<Listed>, CreateError> {
        let rules = self.rules;
        self.db
            .write(move |c| catalog::create(c, new, actor, retry, rules, &context))
            .await
    }

    async fn patch(
        &self,
        id: ProductId,
        if_match: IfMatch,
        patch: ProductPatch,
        context: Context,
    ) -> Result<Listed, ChangeError> {
        self.db
            .write(move |c| catalog::patch(c, id, if_match, patch, &context))
            .await
    }

    async fn product(&self, name: Name) -> Result<Option<Listed>, StoreFailure> {
        self.db.read(move |c| Ok(rows::product(c, &name)?)).await
    }

    async fn list(
        &self,
        filter: Filter,
        after: Option<Position>,
        limit: u32,
    ) -> Result<Vec<Listed>, StoreFailure> {
        self.db
            .read(move |c| Ok(listing::list(c, &filter, after, limit)?))
            .await
    }

    async fn categories(&self) -> Result<Vec<CategoryCount>, StoreFailure> {
        self.db.read(|c| Ok(listing::categories(c)?)).await
    }

    async fn inventory(&self, sku: Sku) -> Result<Option<Inventory>, StoreFailure> {
        self.db.read(move |c| Ok(stock::inventory(c, &sku)?)).await
    }

    async fn adjust(
        &self,
        sku: Sku,
        quantity: i64,
        reason: String,
        retry: Retry,
        context: Context,
    ) -> Result<Once<(Adjustment, Inventory)>, ChangeError> {
        let rules = self.rules;
        self.db
            .write(move |c| stock::adjust(c, &sku, quantity, &reason, &retry, rules, &context))
            .await
    }

    async fn adjustments(
        &self,
        sku: Sku,
        after: Option<AdjustmentId>,
        limit: u32,
    ) -> Result<Vec<Adjustment>, StoreFailure> {
        self.db
            .read(move |c| Ok(stock::adjustments(c, &sku, after, limit)?))
            .await
    }

    async fn stock(
        &self,
        message_id: String,
        command: StockCommand,
        context: Context,
    ) -> Result<(), StoreFailure> {
        let rules = self.rules;
        self.db
            .write(move |c| {
                Ok(stock::orders::apply(
                    c,
                    &message_id,
                    &command,
                    rules,
                    &context,
                )?)
            })
            .await
    }

    async fn ask_about_old_holds(&self, limit: u32, context: Context) -> Result<u32, StoreFailure> {
        self.db
            .write(move |c| Ok(stock::orders::ask_about_old_holds(c, limit, &context)?))
            .await
    }

    async fn retell(
        &self,
        after: Option<ProductId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure> {
        self.db
            .write(move |c| Ok(retell::retell(c, after, limit, &context)?))
            .await
    }
}

impl From<StoreError> for CreateError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Puts an event into the outbox of the running transaction.
fn tell(
    connection: &Connection,
    correlation_id: String,
    aggregate_version: u64,
    payload: impl Into<Payload>,
    context: &Context,
) -> Result<(), StoreError> {
    let event = Event {
        id: EventId::at(context.now),
        occurred_at: context.now,
        aggregate_version,
        correlation_id,
        payload: payload.into(),
    };
    messaging::sqlite::append_outbox(connection, &event, context.traceparent.as_deref())
}

/// What was stored under a retry key: the id of its object if it was the same request.
fn replay(
    connection: &Connection,
    retry: &Retry,
) -> Result<Option<Result<String, ()>>, StoreError> {
    let stored = idempotency::find(connection, &retry.caller.to_string(), &retry.key)?;
    Ok(stored.map(|stored| {
        if stored.fingerprint == retry.fingerprint {
            Ok(stored.object_id)
        } else {
            Err(())
        }
    }))
}

fn remember(
    connection: &Connection,
    retry: &Retry,
    object_id: String,
    context: &Context,
) -> Result<(), StoreError> {
    let reply = store_kit::KeptReply {
        fingerprint: retry.fingerprint.clone(),
        status: 201,
        object_id,
        location: None,
    };
    idempotency::record(
        connection,
        &retry.caller.to_string(),
        &retry.key,
        &reply,
        context.now,
    )
}

#[cfg(test)]
mod tests;
