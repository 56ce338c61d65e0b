//! How many orders a second the store of a cluster takes, and what one costs: `cargo run --release -p order --example
//! store_speed -- postgres://… [seconds] [at once]`. The database must be empty; it is left full.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use contracts::events::product::ProductStatus;
use contracts::{Clock as _, Money, OrderId, ProductId, Quantity, SystemClock, UserId};
use order::domain::{CatalogEntry, Deadlines, Draft, Input, Item, PaymentMethod};
use order::store::postgres::PostgresOrders;
use order::store::{OrderStore, PlaceOrder, RequestKey};
use service_kit::Context;
use service_kit::settings::StoreSettings;

fn context() -> Context {
    Context {
        now: SystemClock.now(),
        traceparent: None,
    }
}

async fn fill_catalog(store: &PostgresOrders) -> Result<()> {
    for number in 0..1000 {
        let entry = CatalogEntry {
            product_id: ProductId::at(SystemClock.now()),
            sku: format!("SKU-{number}").parse()?,
            title: format!("Thing number {number}"),
            price: Money::new(1000 + number, "EUR".parse()?),
            status: ProductStatus::Active,
            version: 1,
        };
        store
            .hear_product(format!("m{number}"), entry, context())
            .await?;
    }
    Ok(())
}

fn command(number: u64) -> Result<PlaceOrder> {
    let now = SystemClock.now();
    let customer_id = UserId::at(now);
    let item = |sku: u64| {
        let sku = format!("SKU-{}", sku % 1000).parse();
        anyhow::Ok(Item {
            sku: sku?,
            quantity: Quantity::new(2)?,
        })
    };
    Ok(PlaceOrder {
        draft: Draft {
            id: OrderId::at(now),
            customer_id,
            payment_method: PaymentMethod::Manual,
            shipping_address: None,
        },
        items: vec![item(number)?, item(number + 7)?],
        request: RequestKey {
            caller: customer_id,
            key: number.to_string(),
            fingerprint: "f".to_owned(),
        },
        context: context(),
    })
}

/// Milliseconds of processor time that this process has used, and those that match a name.
fn cpu_ms(name: &str) -> f64 {
    let ticks = |stat: &str| -> f64 {
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let field = |at: usize| {
            fields
                .get(at)
                .and_then(|it| it.parse::<f64>().ok())
                .unwrap_or_default()
        };
        field(11) + field(12) + field(13) + field(14)
    };
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok())
        .filter(|stat| stat.contains(&format!("({name})")))
        .map(|stat| ticks(&stat) * 10.0)
        .sum()
}

/// How many workers, for how long.
#[derive(Clone, Copy)]
struct Load {
    seconds: u64,
    at_once: u64,
}

/// Does something again and again, until the time is over or there is nothing left to do.
async fn measure<F>(what: &str, load: Load, most: u64, act: impl Fn(u64) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let next = AtomicU64::new(0);
    let before = (cpu_ms("store_speed"), cpu_ms("postgres"));
    let start = Instant::now();
    let mut waits = Vec::new();
    let worker = async || {
        let mut waits = Vec::new();
        while start.elapsed() < Duration::from_secs(load.seconds) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= most {
                break;
            }
            let begun = Instant::now();
            act(number).await?;
            waits.push(begun.elapsed());
        }
        anyhow::Ok(waits)
    };
    for done in futures_util::future::join_all((0..load.at_once).map(|_| worker())).await {
        waits.extend(done?);
    }
    let took = start.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let after = (cpu_ms("store_speed"), cpu_ms("postgres"));
    waits.sort_unstable();
    let count = waits.len();
    let at = |share: usize| waits.get(count * share / 100).copied().unwrap_or_default();
    #[expect(
        clippy::print_stdout,
        clippy::cast_precision_loss,
        reason = "it is what this program is for"
    )]
    {
        let each = |ms: f64| ms / count as f64;
        println!(
            "{what}: {count} in {took:.1} s, {} at once: {:.0} a second, p50 {:?}, p99 {:?}, processor ms each: \
             service {:.3}, PostgreSQL {:.3}",
            load.at_once,
            count as f64 / took,
            at(50),
            at(99),
            each(after.0 - before.0),
            each(after.1 - before.1)
        );
    }
    Ok(())
}

fn picked(placed: &[OrderId], number: u64) -> Result<OrderId> {
    let place = usize::try_from(number)?.checked_rem(placed.len());
    let picked = place.and_then(|place| placed.get(place));
    picked.copied().context("no order was placed")
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .context("the URL of an empty PostgreSQL database")?;
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let at_once = arguments.next().map_or(Ok(16), |text| text.parse())?;
    let load = Load { seconds, at_once };
    let settings = StoreSettings {
        url,
        ..StoreSettings::default()
    };
    PostgresOrders::migrate(&settings).await?;
    let store = PostgresOrders::open(&settings, Deadlines::default()).await?;
    fill_catalog(&store).await?;
    let placed = Arc::new(std::sync::Mutex::new(Vec::new()));
    measure("placed", load, u64::MAX, |number| {
        let (store, placed) = (store.clone(), Arc::clone(&placed));
        async move {
            let order = store.place(command(number)?).await?.order;
            placed
                .lock()
                .map_err(|_| anyhow::anyhow!("poisoned"))?
                .push(order.id);
            Ok(())
        }
    })
    .await?;
    let placed: Vec<OrderId> = placed
        .lock()
        .map_err(|_| anyhow::anyhow!("poisoned"))?
        .clone();
    let (count, placed) = (u64::try_from(placed.len())?, Arc::new(placed));
    measure("confirmed", load, count, |number| {
        let (store, placed) = (store.clone(), Arc::clone(&placed));
        async move {
            let order_id = picked(&placed, number)?;
            let message_id = format!("reserved {order_id}");
            store
                .hear_stock(message_id, order_id, Input::StockReserved, context())
                .await?;
            Ok(())
        }
    })
    .await?;
    measure("read", load, u64::MAX, |number| {
        let (store, placed) = (store.clone(), Arc::clone(&placed));
        async move {
            store.order(picked(&placed, number)?, None).await?;
            Ok(())
        }
    })
    .await?;
    Ok(())
}
