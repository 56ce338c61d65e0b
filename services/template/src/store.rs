//! What the service keeps, on PostgreSQL. Every method is one whole command.

use std::sync::Arc;

use contracts::events::order::OrderSummary;
use contracts::{Sku, Timestamp, UserId};
use messaging::postgres::first_delivery;
use messaging::{Handoff, Opened};
use postgres_store::{Database, Migration, Schema, idempotency, store_error};
use serde::Serialize;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreError, StoreKind};
use utoipa::ToSchema;

use crate::NAME;
use crate::events::QUEUE;

const fn step(version: u32, name: &'static str, work: &'static str) -> Migration {
    Migration {
        version,
        name,
        work,
        min_binary: 1,
    }
}

/// Add steps, and change none that was released. They only add: while one runs, replicas of the version before are at work.
static SCHEMA: Schema = Schema {
    service: NAME,
    migrations: &[
        step(1, "messaging", messaging::postgres::SCHEMA_SQL),
        step(2, "idempotency", idempotency::SCHEMA_SQL),
        step(3, "reviews", include_str!("store/schema.sql")),
    ],
};

/// Sorted: two orders of a customer that come at once do not wait for each other's rows crosswise.
const ALLOW: &str = "INSERT INTO reviews (sku, customer_id) \
     SELECT sku, $2::text FROM unnest($1::text[]) AS line (sku) ORDER BY sku ON CONFLICT DO NOTHING";
const REVIEW: &str = "UPDATE reviews SET stars = $3 WHERE sku = $1 AND customer_id = $2";
const RATING: &str =
    "SELECT count(stars), coalesce(avg(stars), 0)::float8 FROM reviews WHERE sku = $1";

/// What customers think of a product.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rating {
    /// How many of them said so.
    reviews: i64,
    /// The mean of their stars, 1 to 5; 0 if nobody said anything.
    stars: f64,
}

pub(crate) struct Store(Database);

pub(crate) async fn open(settings: &StoreSettings) -> Result<Opened<Store>, OpenError> {
    StoreKind::of(&settings.url, &[StoreKind::Postgres])?;
    let db = Database::open(settings, &SCHEMA).await?;
    let store = Arc::new(Store(db.clone()));
    Ok(Opened::on_postgres(db, Handoff::default(), store))
}

pub(crate) async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
    StoreKind::of(&settings.url, &[StoreKind::Postgres])?;
    Database::migrate(settings, &SCHEMA).await
}

impl Store {
    /// Lets the customer review what the order brought. One transaction with the inbox row: it is done once, however often the
    /// message comes.
    pub(crate) async fn allow(
        &self,
        message_id: &str,
        order: &OrderSummary,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let skus: Vec<_> = order.lines.iter().map(|line| line.sku.as_str()).collect();
        let input = (message_id, skus, order.customer_id.to_string());
        let command = self.0.transact(&input, |connection, (id, skus, customer)| {
            Box::pin(async move {
                if first_delivery(connection, QUEUE, id, now).await? {
                    let allow = sqlx::query(ALLOW).bind(skus).bind(customer);
                    allow.execute(connection).await.map_err(store_error)?;
                }
                Ok(())
            })
        });
        command.await
    }

    /// Keeps a customer's review, in place of an earlier one; `false` if the product was never delivered to them.
    pub(crate) async fn review(
        &self,
        sku: &Sku,
        customer: UserId,
        stars: i16,
    ) -> Result<bool, StoreError> {
        let review = sqlx::query(REVIEW)
            .bind(sku.as_str())
            .bind(customer.to_string())
            .bind(stars);
        let changed = self.0.bounded(review.execute(self.0.pool())).await?;
        Ok(changed.rows_affected() == 1)
    }

    pub(crate) async fn rating(&self, sku: &Sku) -> Result<Rating, StoreError> {
        let rating = sqlx::query_as(RATING).bind(sku.as_str());
        let (reviews, stars) = self.0.bounded(rating.fetch_one(self.0.pool())).await?;
        Ok(Rating { reviews, stars })
    }
}
