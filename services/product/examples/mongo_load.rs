//! Measures the product store on a real MongoDB: orders per second when they want many products and when all want one, and
//! pages of lists in catalogs of different sizes.
//!
//! `TEST_MONGODB_URL='mongodb://127.0.0.1:27017/?replicaSet=rs0' cargo run --release -p product --example mongo_load -- 1000 100000`

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use contracts::events::order::{OrderLine, OrderSummary};
use contracts::events::product::ProductStatus;
use contracts::{Clock, Money, OrderId, Quantity, SystemClock, UserId};
use futures_util::future::join_all;
use mongo_store::Database;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use product::domain::stock::Rules;
use product::domain::tokens::tokens;
use product::store::mongo::MongoStore;
use product::store::{Filter, ProductStore, Sort, StockCommand};
use service_kit::Present;
use service_kit::settings::StoreSettings;
use testkit::isolated;

const RULES: Rules = Rules {
    low_threshold: 5,
    price_grace: Duration::from_mins(15),
    hold: Duration::from_mins(105),
};
/// As many handlers as the consumer of `product.orders` runs.
const HANDLERS: u32 = 64;
const ORDERS: u32 = 6_000;
const PAGES: usize = 300;

/// A store with a catalog.
struct Shop {
    replicas: Vec<Arc<dyn ProductStore>>,
    db: Database,
    present: Present,
    clock: Arc<dyn Clock>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let sizes = std::env::args().skip(1).map(|size| size.parse::<u32>());
    for size in sizes.collect::<Result<Vec<_>, _>>()? {
        let database = isolated::mongo_database()?;
        let settings = StoreSettings {
            url: database.url().to_owned(),
            ..StoreSettings::default()
        };
        MongoStore::migrate(&settings).await?;
        let store = MongoStore::open(&settings, RULES).await?;
        let db = store.database().clone();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let shop = Shop {
            replicas: vec![
                Arc::new(store),
                Arc::new(MongoStore::open(&settings, RULES).await?),
            ],
            db,
            present: Present::new(Arc::clone(&clock)),
            clock,
        };
        shop.fill(size).await?;
        say(&format!("{size} products"))?;
        shop.orders("one replica, two products each", 1, size, 2)
            .await?;
        shop.orders("one replica, all want one product", 1, 1, 1)
            .await?;
        shop.orders(
            "two replicas without a single active consumer, two products each",
            2,
            size,
            2,
        )
        .await?;
        shop.orders(
            "two replicas without a single active consumer, all want one product",
            2,
            1,
            1,
        )
        .await?;
        shop.pages().await?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

impl Shop {
    /// Copies one product: what is measured is reading and ordering.
    async fn fill(&self, size: u32) -> Result<()> {
        let new = serde_json::json!({
            "sku": "S0", "title": "Stoneware mug 0", "description": "It holds coffee. ".repeat(20), "category": "Kitchen",
            "price": {"amount": 1_000, "currency": "EUR"}, "attributes": {"colour": "blue"}, "initial_stock": 1_000_000,
        });
        let new = serde_json::from_value(new)?;
        let store = self.replicas.first().context("a replica")?;
        store
            .create(new, None, None, self.present.context())
            .await?;
        let products = self.db.collection::<Document>("product");
        let inventory = self.db.collection::<Document>("inventory");
        let product = products
            .find_one(doc! { "sku": "S0" })
            .await?
            .context("the product")?;
        let stock = inventory.find_one(doc! {}).await?.context("its stock")?;
        let numbers: Vec<u32> = (1..size).collect();
        for some in numbers.chunks(2_000) {
            let copies = some.iter().map(|n| self.copy(&product, *n));
            products.insert_many(copies.collect::<Vec<_>>()).await?;
            let copies = some.iter().map(|n| {
                let mut stock = stock.clone();
                stock.insert("_id", format!("S{n}"));
                stock
            });
            inventory.insert_many(copies.collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    fn copy(&self, product: &Document, n: u32) -> Document {
        let mut copy = product.clone();
        let id = contracts::ProductId::at(self.clock.now()).to_string();
        let colour = match n % 3 {
            0 => "blue",
            1 => "red",
            _ => "green",
        };
        let words = [
            "the",
            "stoneware",
            if n.is_multiple_of(2) { "mug" } else { "bowl" },
        ];
        let mut words: Vec<Bson> = words.map(Bson::from).into();
        words.push(format!("rare{}", n % 5_000).into());
        let amount = 1_000 + i64::from(n % 97);
        copy.extend(doc! {
            "_id": &id, "sku": format!("S{n}"), "slug": format!("mug-{n}"), "category": format!("Shelf {}", n % 20),
            "newest": { "at": i64::from(n), "id": &id }, "cheapest": { "amount": amount, "id": &id },
            "price": { "amount": amount, "currency": "EUR" }, "in_stock": !n.is_multiple_of(50), "words": words,
            "found_by": [format!("colour\u{1f}{colour}")],
        });
        copy
    }

    /// As fast as all handlers can; each order is held. Stock is exact afterwards.
    async fn orders(&self, what: &str, replicas: usize, skus: u32, lines: u32) -> Result<()> {
        let before = self.reserved().await?;
        let next = AtomicU32::new(0);
        let began = Instant::now();
        let handlers = (0..HANDLERS as usize).map(async |handler| {
            let store = self.replicas.get(handler % replicas).context("a replica")?;
            let mut took = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= ORDERS {
                    return Ok::<_, anyhow::Error>(took);
                }
                let order = self.order((0..lines).map(|line| (n * 7 + line * 3) % skus))?;
                let began = Instant::now();
                let id = order.order_id.to_string();
                store
                    .stock(id, StockCommand::Hold(order), self.present.context())
                    .await?;
                took.push(began.elapsed());
            }
        });
        let took = join_all(handlers)
            .await
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let seconds = began.elapsed().as_secs_f64();
        let held = self.reserved().await? - before;
        anyhow::ensure!(
            held > 0 && held <= i64::from(ORDERS * lines),
            "{held} pieces are held"
        );
        let rate = f64::from(ORDERS) / seconds;
        let spread = spread(took.concat());
        say(&format!(
            "  {what}: {rate:.0} orders/s, {spread}, {held} pieces held"
        ))
    }

    fn order(&self, skus: impl Iterator<Item = u32>) -> Result<OrderSummary> {
        let price = |amount| Ok::<_, anyhow::Error>(Money::new(amount, "EUR".parse()?));
        let line = |n: u32| {
            let amount = if n == 0 {
                1_000
            } else {
                1_000 + i64::from(n % 97)
            };
            Ok(OrderLine {
                sku: format!("S{n}").parse()?,
                title: "Stoneware mug".to_owned(),
                quantity: Quantity::new(1)?,
                unit_price: price(amount)?,
                line_total: price(amount)?,
            })
        };
        Ok(OrderSummary {
            order_id: OrderId::at(self.clock.now()),
            number: "1".to_owned(),
            customer_id: UserId::at(self.clock.now()),
            lines: skus.map(line).collect::<Result<_>>()?,
            total: price(0)?,
        })
    }

    async fn reserved(&self) -> Result<i64> {
        let inventory = self.db.collection::<Document>("inventory");
        let sum = doc! { "$group": { "_id": null, "sum": { "$sum": "$reserved" } } };
        let mut sums = inventory.aggregate([sum]).await?;
        anyhow::ensure!(sums.advance().await?, "a sum");
        Ok(sums.deserialize_current()?.get_i64("sum")?)
    }

    async fn pages(&self) -> Result<()> {
        let store = self.replicas.first().context("a replica")?;
        let active = |change: fn(&mut Filter)| {
            let mut filter = Filter {
                status: Some(ProductStatus::Active),
                ..Filter::default()
            };
            change(&mut filter);
            filter
        };
        for (what, filter) in [
            ("newest", active(|_| {})),
            ("cheapest", active(|filter| filter.sort = Sort::Price)),
            (
                "a shelf by price",
                active(|filter| {
                    filter.category = Some("Shelf 3".to_owned());
                    filter.sort = Sort::PriceDescending;
                }),
            ),
            ("sold out", active(|filter| filter.in_stock = Some(false))),
            (
                "an attribute",
                active(|filter| {
                    filter
                        .attributes
                        .insert("colour".to_owned(), "red".to_owned());
                }),
            ),
            (
                "a common word",
                active(|filter| filter.words = words("stone")),
            ),
            (
                "two common words",
                active(|filter| filter.words = words("stone mug")),
            ),
            (
                "a rare word",
                active(|filter| filter.words = words("rare77")),
            ),
        ] {
            let (mut took, mut after) = (Vec::new(), None);
            for _ in 0..PAGES {
                let began = Instant::now();
                let page = store.list(filter.clone(), after, 21).await?;
                took.push(began.elapsed());
                after = page.last().map(|last| last.position(filter.sort));
            }
            say(&format!("  pages of {what}: {}", spread(took)))?;
        }
        let began = Instant::now();
        let shelves = store.categories().await?.len();
        say(&format!(
            "  {shelves} shelves counted in {:?}",
            began.elapsed()
        ))
    }
}

fn words(text: &str) -> Vec<String> {
    tokens(text).into_iter().collect()
}

fn spread(mut took: Vec<Duration>) -> String {
    took.sort();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    format!("p50 {:.1?}, p99 {:.1?}", at(50), at(99))
}
