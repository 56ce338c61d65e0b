//! The store for a cluster: one PostgreSQL database, shared by all replicas of the service.

mod before;
mod change;
mod hearing;
mod message;
mod place;
mod read;
mod rows;
mod statements;
mod steps;

use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use messaging::Handoff;
use postgres_store::{Database, Migration, Schema, idempotency};
use service_kit::Context;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, Limits, OpenError, Together};

use self::hearing::Hearing;
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

/// What is done together at a time. While one batch waits for the disk the next is written; more at a time would only make them
/// smaller.
const TOGETHER: Limits = Limits {
    batches: 2,
    commands: 64,
};

/// Orders in one PostgreSQL database. Clones share the lines of those whose commands are carried out together.
#[derive(Clone, Debug)]
pub struct PostgresOrders {
    database: Database,
    deadlines: Deadlines,
    handoff: Handoff,
    placing: Together<Arc<PlaceOrder>, Result<Order, PlaceError>>,
    hearing: Together<Arc<Hearing>, Option<Heard>>,
}

impl PostgresOrders {
    /// Opens a database that was migrated.
    pub async fn open(settings: &StoreSettings, deadlines: Deadlines) -> Result<Self, OpenError> {
        let database = Database::open(settings, &SCHEMA).await?;
        let handoff = Handoff::default();
        let (to_place, to_hear) = (database.clone(), database.clone());
        let (placed, heard) = (handoff.clone(), handoff.clone());
        let placing = move |commands: Vec<Arc<PlaceOrder>>| {
            let (database, handoff) = (to_place.clone(), placed.clone());
            async move {
                let placing = async {
                    let mut conn = database.pool().acquire().await?;
                    place::place_all(&mut conn, &commands, &deadlines, &handoff).await
                };
                database.bounded(placing).await
            }
        };
        let hearing = move |hearings: Vec<Arc<Hearing>>| {
            let (database, handoff) = (to_hear.clone(), heard.clone());
            async move {
                let hearing = async {
                    let mut conn = database.pool().acquire().await?;
                    hearing::hear_all(&mut conn, &hearings, &deadlines, &handoff).await
                };
                database.bounded(hearing).await
            }
        };
        Ok(Self {
            database,
            deadlines,
            handoff,
            placing: Together::new(TOGETHER, placing),
            hearing: Together::new(TOGETHER, hearing),
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

    /// What orders hand their events over to the relay by.
    #[must_use]
    pub fn handoff(&self) -> &Handoff {
        &self.handoff
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

    async fn hear_alone(&self, hearing: &Hearing) -> Result<Heard, StoreError> {
        self.run(async |conn| hearing::hear(conn, hearing, &self.deadlines, &self.handoff).await)
            .await?
    }
}

#[async_trait]
impl OrderStore for PostgresOrders {
    async fn place(&self, command: PlaceOrder) -> Result<Placement, PlaceError> {
        let command = Arc::new(command);
        let placed = self.placing.have_done(Arc::clone(&command)).await;
        match placed.map_err(StoreError::from)? {
            Ok(order) => Ok(Placement {
                order,
                replayed: false,
            }),
            Err(refusal) => {
                self.run(async |conn| place::replay_or(conn, &command.request, refusal).await)
                    .await?
            }
        }
    }

    async fn placed_before(&self, request: RequestKey) -> Result<Option<Order>, PlaceError> {
        self.run(async |conn| place::placed_before(conn, &request).await)
            .await?
    }

    async fn tell(&self, command: TellOrder) -> Result<Told, TellError> {
        self.run(async |conn| change::tell(conn, &command, &self.deadlines, &self.handoff).await)
            .await?
    }

    async fn hear_stock(
        &self,
        message_id: String,
        order_id: OrderId,
        input: Input,
        context: Context,
    ) -> Result<Heard, StoreError> {
        let hearing = Arc::new(Hearing {
            message_id: Some(message_id),
            order_id,
            input,
            context,
        });
        match self.hearing.have_done(Arc::clone(&hearing)).await? {
            Some(heard) => Ok(heard),
            None => self.hear_alone(&hearing).await,
        }
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
        let hearing = Hearing {
            message_id: None,
            order_id,
            input: Input::DeadlinePassed,
            context,
        };
        self.hear_alone(&hearing).await
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
