//! Products and orders in the stores' own form, without the services: a million of them through the API would take an hour.
//!
//! All are older than what the services make, since lists show the newest first.

use anyhow::{Context as _, Result};
use contracts::{Clock as _, ProductId, SystemClock};
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{CollectionOptions, WriteConcern};
use sqlx::{AssertSqlSafe, Executor as _, PgPool};

use crate::real_shop::RealShop;

/// Documents a request.
const AT_ONCE: usize = 2_000;
/// How many products have the same rare word, whatever the size.
const RARE: u64 = 100;
/// The number of the first product's price: others are dearer by up to a hundred.
const CHEAPEST: i64 = 1_000;

/// What the order service knows of products.
const CATALOG: &str = "\
INSERT INTO catalog (product_id, sku, title, price, currency, status, version)
SELECT 'prd_' || md5('product ' || n), 'S' || n, 'Stoneware mug ' || n, 1000 + n % 97, 'EUR', 'active', 1
FROM generate_series($1::bigint, $2) AS n";

/// Confirmed orders of one piece, a hundred of each customer, with what an order leaves behind. [`Filler::new`] left
/// their numbers free.
const ORDERS: &str = "\
WITH made AS MATERIALIZED (
  SELECT n AS sequence, 'ord_' || lpad(to_hex(at), 12, '0') || '7' || substr(md5('order ' || n), 1, 19) AS id,
    'usr_' || md5('customer ' || n / 100) AS customer, 1000 + n % 97 AS price, 'S' || n AS sku, at
  FROM generate_series($1::bigint, $2) AS n, LATERAL (SELECT $3::bigint - n * 10 AS at) AS moment
), placed AS (
  INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method, created_at, updated_at)
  SELECT sequence, id, customer, 'confirmed', 2, 'EUR', price,
    json_build_array(json_build_object('sku', sku, 'title', 'Stoneware mug', 'quantity', 1, 'unit_price', price)),
    'manual', at, at
  FROM made
), kept AS (
  INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
  SELECT customer, sequence::text, 'f', 201, id, $3 FROM made
)
SELECT count(*) FROM made";

/// After the orders, which it refers to.
const TIMELINES: &str = "\
INSERT INTO timeline (order_id, version, at, kind)
SELECT id, step.version, created_at, step.kind
FROM orders, (VALUES (1, 'placed'), (2, 'confirmed')) AS step (version, kind)
WHERE sequence BETWEEN $1::bigint AND $2::bigint";

/// Writes into the stores of a shop.
pub struct Filler {
    orders: PgPool,
    products: Database,
}

impl Filler {
    /// To be made before the first order: the numbers up to the largest size are the filler's.
    pub async fn new(shop: &RealShop) -> Result<Self> {
        let numbers = "SELECT setval('order_numbers', 100000000)";
        shop.orders.execute(numbers).await?;
        let client = mongodb::Client::with_uri_str(&shop.shop.urls().product).await?;
        Ok(Self {
            orders: shop.orders.clone(),
            products: client
                .default_database()
                .context("the URL names no database")?,
        })
    }

    /// Adds products and orders with numbers above `from` until there are `to`, and tells the planner.
    pub async fn fill(&self, from: u64, to: u64) -> Result<()> {
        let (first, last) = (i64::try_from(from)? + 1, i64::try_from(to)?);
        let now = SystemClock.now().unix_millis();
        let catalog = sqlx::query(CATALOG).bind(first).bind(last);
        catalog.execute(&self.orders).await?;
        let orders = sqlx::query(ORDERS).bind(first).bind(last).bind(now);
        orders.execute(&self.orders).await?;
        let timelines = sqlx::query(TIMELINES).bind(first).bind(last);
        timelines.execute(&self.orders).await?;
        for table in ["orders", "timeline", "idempotency", "catalog"] {
            // What autovacuum does sooner or later, in the middle of a measurement.
            let vacuum = AssertSqlSafe(format!("VACUUM (ANALYZE) {table}"));
            self.orders.execute(vacuum).await?;
        }
        self.products(first, last).await
    }

    /// Copies one product and its stock.
    async fn products(&self, first: i64, last: i64) -> Result<()> {
        let model = doc! { "sku": "BENCH" };
        let products = self.products.collection::<Document>("product");
        let product = products.find_one(model).await?;
        let product = product.context("the product to copy")?;
        let model = doc! { "_id": "BENCH" };
        let inventory = self.products.collection::<Document>("inventory");
        let stock = inventory.find_one(model).await?;
        let stock = stock.context("the stock to copy")?;
        let numbers: Vec<i64> = (first..=last).collect();
        for some in numbers.chunks(AT_ONCE) {
            let copies = some.iter().map(|n| copy(&product, *n, last));
            self.insert("product", copies.collect()).await?;
            let copies = some.iter().map(|n| {
                let mut stock = stock.clone();
                stock.insert("_id", format!("S{n}"));
                stock
            });
            self.insert("inventory", copies.collect()).await?;
        }
        Ok(())
    }

    async fn insert(&self, collection: &str, documents: Vec<Document>) -> Result<()> {
        // Nobody minds if these are lost.
        let concern = WriteConcern::builder().w(Some(1.into())).build();
        let options = CollectionOptions::builder().write_concern(concern).build();
        let collection = self
            .products
            .collection_with_options::<Document>(collection, options);
        collection.insert_many(documents).await?;
        Ok(())
    }
}

fn copy(product: &Document, n: i64, size: i64) -> Document {
    let mut copy = product.clone();
    let id = ProductId::at(SystemClock.now()).to_string();
    let vessel = if n % 2 == 0 { "mug" } else { "bowl" };
    let mut words: Vec<Bson> = ["the", "stoneware", vessel].map(Bson::from).into();
    words.push(rare(n, size).into());
    let amount = CHEAPEST + n % 97;
    copy.extend(doc! {
        "_id": &id, "sku": format!("S{n}"), "slug": format!("mug-{n}"), "category": format!("Shelf {}", n % 20),
        "newest": { "at": n, "id": &id }, "cheapest": { "amount": amount, "id": &id },
        "price": { "amount": amount, "currency": "EUR" }, "in_stock": n % 50 != 0, "words": words,
        "found_by": [format!("colour\u{1f}{}", if n % 3 == 0 { "blue" } else { "red" })],
    });
    copy
}

/// A word that [`RARE`] products of the first size have, and as many of those that are added for each further one.
fn rare(n: i64, size: i64) -> String {
    let words = size.unsigned_abs() / RARE;
    format!("rare{}x", n.unsigned_abs() % words.max(1))
}
