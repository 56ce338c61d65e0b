//! The store for a cluster: one PostgreSQL database, shared by all replicas of the service.

mod change;
mod message;
mod place;
mod read;
mod rows;
mod statements;

use async_trait::async_trait;
use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use postgres_store::{Database, Migration, Schema, idempotency};
use service_kit::Context;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError};

use crate::domain::{CatalogEntry, Deadlines, Entry, Input, Order, OrderNumber};
use crate::store::{
    Heard, OrderFilter, OrderStore, PlaceError, PlaceOrder, Placement, RequestKey, StoreError,
    TellError, TellOrder, Told,
};

const SCHEMA: Schema = Schema {
    service: "order",
    migrations: &[
        Migration {
            version: 1,
            name: "outbox, inbox and deferred messages",
            work: messaging::postgres::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency keys",
            work: idempotency::SCHEMA_SQL,
            min_binary: 2,
        },
        Migration {
            version: 3,
            name: "orders and the catalog they are priced with",
            work: include_str!("postgres/schema.sql"),
            min_binary: 3,
        },
    ],
};

/// Orders in one PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresOrders {
    database: Database,
    deadlines: Deadlines,
}

impl PostgresOrders {
    /// Opens a database that was migrated.
    pub async fn open(settings: &StoreSettings, deadlines: Deadlines) -> Result<Self, OpenError> {
        let database = Database::open(settings, &SCHEMA).await?;
        Ok(Self {
            database,
            deadlines,
        })
    }

    /// Brings a database up to the schema.
    pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
        Database::migrate(settings, &SCHEMA).await
    }

    /// The database: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Runs a command or a query on one connection, in bounded time. What the store itself reports is the outer error,
    /// what the command says is inside.
    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&mut sqlx::PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, StoreError> {
        let pool = self.database.pool();
        let on_connection = async { work(&mut *pool.acquire().await?).await };
        Ok(self.database.bounded(on_connection).await?)
    }
}

#[async_trait]
impl OrderStore for PostgresOrders {
    async fn place(&self, command: PlaceOrder) -> Result<Placement, PlaceError> {
        self.run(async |conn| place::place(conn, &command, &self.deadlines).await)
            .await?
    }

    async fn placed_before(&self, request: RequestKey) -> Result<Option<Order>, PlaceError> {
        self.run(async |conn| place::placed_before(conn, &request).await)
            .await?
    }

    async fn tell(&self, command: TellOrder) -> Result<Told, TellError> {
        self.run(async |conn| change::tell(conn, &command, &self.deadlines).await)
            .await?
    }

    async fn hear_stock(
        &self,
        message_id: String,
        order_id: OrderId,
        input: Input,
        context: Context,
    ) -> Result<Heard, StoreError> {
        let hearing = change::Hearing {
            message_id: Some(&message_id),
            order_id,
            input: &input,
            context: &context,
        };
        self.run(async |conn| change::hear(conn, &hearing, &self.deadlines).await)
            .await?
    }

    async fn hear_product(
        &self,
        message_id: String,
        entry: CatalogEntry,
        context: Context,
    ) -> Result<bool, StoreError> {
        self.run(async |conn| message::hear_product(conn, &message_id, &entry, &context).await)
            .await
    }

    async fn deadline_passed(
        &self,
        order_id: OrderId,
        context: Context,
    ) -> Result<Heard, StoreError> {
        let hearing = change::Hearing {
            message_id: None,
            order_id,
            input: &Input::DeadlinePassed,
            context: &context,
        };
        self.run(async |conn| change::hear(conn, &hearing, &self.deadlines).await)
            .await?
    }

    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        self.run(async |conn| read::claim_overdue(conn, now, limit).await)
            .await
    }

    async fn order(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Order>, StoreError> {
        self.run(async |conn| read::order(conn, order_id, owner).await)
            .await
    }

    async fn orders(
        &self,
        filter: OrderFilter,
        after: Option<OrderNumber>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        self.run(async |conn| read::orders(conn, filter, after, limit).await)
            .await
    }

    async fn timeline(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Vec<Entry>>, StoreError> {
        self.run(async |conn| read::timeline(conn, order_id, owner).await)
            .await
    }

    async fn count_by_status(&self) -> Result<Vec<(OrderStatus, u64)>, StoreError> {
        self.run(async |conn| read::count_by_status(conn).await)
            .await
    }
}

#[cfg(test)]
mod tests;
