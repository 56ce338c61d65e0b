//! The embedded store: one SQLite file.

mod catalog;
mod errors;
mod outbox;
mod place;
mod read;
mod rows;
mod transition;

use std::path::Path;

use async_trait::async_trait;
use contracts::events::order::OrderStatus;
use contracts::{OrderId, Timestamp, UserId};
use service_kit::Context;
use sqlite_store::{Database, Migration, OpenError, Schema, idempotency};
use store_kit::Applied;

use crate::domain::{CatalogEntry, Deadlines, Entry, Input, Order, OrderNumber};
use crate::store::{
    Heard, OrderFilter, OrderStore, PlaceError, PlaceOrder, Placement, RequestKey, StoreError,
    TellError, TellOrder, Told,
};

static SCHEMA: Schema = Schema {
    service: "order",
    migrations: &[
        Migration {
            version: 1,
            name: "outbox, inbox and deferred messages",
            work: messaging::sqlite::SCHEMA_SQL,
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
            work: include_str!("sqlite/schema.sql"),
            min_binary: 3,
        },
    ],
};

/// Orders in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteOrders {
    database: Database,
    deadlines: Deadlines,
}

impl SqliteOrders {
    /// Opens the file, or makes it, and brings it up to the schema.
    pub async fn open(path: &Path, deadlines: Deadlines) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(path, &SCHEMA).await?,
            deadlines,
        })
    }

    /// Opens the file beside the process whose store it is: it must be there and have the schema.
    pub async fn attach(path: &Path, deadlines: Deadlines) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::attach(path, &SCHEMA).await?,
            deadlines,
        })
    }

    /// Brings the file, or a new one, up to the schema.
    pub async fn migrate(path: &Path) -> Result<Applied, OpenError> {
        Database::migrate(path, &SCHEMA).await
    }

    /// The file: also home of the outbox and of the deferred messages.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl OrderStore for SqliteOrders {
    async fn place(&self, command: PlaceOrder) -> Result<Placement, PlaceError> {
        let deadlines = self.deadlines;
        self.database
            .write(move |conn| place::place(conn, &command, &deadlines))
            .await
    }

    async fn placed_before(&self, request: RequestKey) -> Result<Option<Order>, PlaceError> {
        self.database
            .read(move |conn| place::placed_before(conn, &request))
            .await
    }

    async fn tell(&self, command: TellOrder) -> Result<Told, TellError> {
        let deadlines = self.deadlines;
        self.database
            .write(move |conn| transition::tell(conn, &command, &deadlines))
            .await
    }

    async fn hear_stock(
        &self,
        message_id: String,
        order_id: OrderId,
        input: Input,
        context: Context,
    ) -> Result<Heard, StoreError> {
        let deadlines = self.deadlines;
        self.database
            .write(move |conn| {
                transition::hear_stock(conn, &message_id, order_id, &input, &deadlines, &context)
            })
            .await
    }

    async fn hear_product(
        &self,
        message_id: String,
        entry: CatalogEntry,
        context: Context,
    ) -> Result<bool, StoreError> {
        self.database
            .write(move |conn| catalog::hear_product(conn, &message_id, &entry, &context))
            .await
    }

    async fn deadline_passed(
        &self,
        order_id: OrderId,
        context: Context,
    ) -> Result<Heard, StoreError> {
        let deadlines = self.deadlines;
        self.database
            .write(move |conn| transition::deadline_passed(conn, order_id, &deadlines, &context))
            .await
    }

    async fn overdue(&self, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        self.database
            .read(move |conn| read::overdue(conn, now, limit))
            .await
    }

    async fn order(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Order>, StoreError> {
        self.database
            .read(move |conn| read::order(conn, order_id, owner))
            .await
    }

    async fn orders(
        &self,
        filter: OrderFilter,
        after: Option<OrderNumber>,
        limit: u32,
    ) -> Result<Vec<Order>, StoreError> {
        self.database
            .read(move |conn| read::orders(conn, filter, after, limit))
            .await
    }

    async fn timeline(
        &self,
        order_id: OrderId,
        owner: Option<UserId>,
    ) -> Result<Option<Vec<Entry>>, StoreError> {
        self.database
            .read(move |conn| read::timeline(conn, order_id, owner))
            .await
    }

    async fn count_by_status(&self) -> Result<Vec<(OrderStatus, u64)>, StoreError> {
        self.database.read(read::count_by_status).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_list_and_every_sweep_is_served_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order.db");
        let store = SqliteOrders::open(&path, Deadlines::default())
            .await
            .unwrap();
        let customer_id = Some(UserId::at(Timestamp::from_unix_millis(0)));
        let status = Some(OrderStatus::Pending);
        let list = |customer_id, status| {
            read::list_sql(OrderFilter {
                customer_id,
                status,
            })
        };
        let mut plans = Vec::new();
        for sql in [
            list(None, None),
            list(customer_id, None),
            list(None, status),
            list(customer_id, status),
            read::OVERDUE.to_owned(),
            read::COUNT_BY_STATUS.to_owned(),
            read::TIMELINE.to_owned(),
            place::LOOK_UP.to_owned(),
        ] {
            plans.push(store.database.query_plan(&sql).await.unwrap());
        }
        assert_eq!(
            plans,
            [
                "SEARCH orders USING INTEGER PRIMARY KEY (rowid<?)",
                "SEARCH orders USING INDEX orders_by_customer (customer_id=? AND rowid<?)",
                "SEARCH orders USING INDEX orders_by_status (status=? AND rowid<?)",
                "SEARCH orders USING INDEX orders_by_customer_and_status (customer_id=? AND status=? AND rowid<?)",
                "SEARCH orders USING INDEX orders_by_due_at (due_at<?)",
                "SEARCH orders USING COVERING INDEX orders_in_progress (status=?)",
                "SEARCH timeline USING PRIMARY KEY (order_id=?)",
                "SEARCH catalog USING INDEX catalog_by_sku (sku=?)",
            ]
        );
    }
}
