//! A shop that is broken while customers order.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use testkit::checker::Snapshot;
use testkit::customers::Load;
use testkit::platform::{Builder, Platform};
use testkit::{seed, wait};
use tokio_util::sync::CancellationToken;

/// What every trial has on its shelves: enough, too little, and nothing.
const STOCK: [(&str, u32); 3] = [("PLENTY", 100_000), ("SCARCE", 60), ("NONE", 0)];
const CUSTOMERS: usize = 6;

/// A running shop and its customers.
pub struct Trial {
    pub shop: Platform,
    pub load: Load,
}

impl Trial {
    /// Starts the shop; `name` is what the seed of its customers is printed with.
    pub async fn start(builder: Builder, name: &str) -> Result<Self> {
        let mut random = seed::generator(name);
        let shop = builder.start().await?;
        let load = Load::new(shop.front()?, &mut random, CUSTOMERS, &STOCK).await;
        // Who calls this panics only when the shop is gone.
        let load = load.inspect_err(|_| shop.keep())?.patient_for(away());
        Ok(Self { shop, load })
    }

    /// Lets the customers order before, while and after something happens.
    pub async fn during(&mut self, fault: impl AsyncFnOnce(&Platform) -> Result<()>) -> Result<()> {
        let over = CancellationToken::new();
        let shop = &self.shop;
        let happening = async {
            let happened = async {
                some_orders(shop).await?;
                fault(shop).await?;
                some_orders(shop).await
            };
            let happened = happened.await;
            over.cancel();
            happened
        };
        let (ordered, happened) = tokio::join!(self.load.until(over.clone()), happening);
        // The one may be why the other came to nothing.
        let ordered = ordered.context("the customers could not go on");
        match (happened.context("the fault could not be done"), ordered) {
            (Err(fault), Err(ordered)) => Err(fault.context(format!("{ordered:#}"))),
            (happened, ordered) => happened.and(ordered),
        }
    }

    /// Waits for rest; then all invariants hold, everything the customers were told is true, nothing was parked, and
    /// no mail came twice unless the builder was told that it may.
    pub async fn exact(&self) -> Result<Snapshot> {
        let stores = self.shop.quiescent().await?;
        let told = self.as_told(&stores).await;
        if told.is_err() {
            self.shop.write_down(&stores)?;
        }
        told.map(|()| stores)
    }

    async fn as_told(&self, stores: &Snapshot) -> Result<()> {
        self.load.compare(stores)?;
        self.load.repeat_all().await?;
        let parked = stores.parked();
        ensure!(parked.is_empty(), "parked: {parked:?}");
        Ok(())
    }
}

/// Waits until so many orders more are in the store that the load is certainly on.
async fn some_orders(shop: &Platform) -> Result<()> {
    const MORE: usize = 10;
    // None while a server does not answer: one that came back may need a moment more.
    let orders = async || {
        let snapshot = shop.stores().snapshot().await.ok();
        let orders = snapshot.and_then(|snapshot| snapshot.order);
        orders.map(|store| store.orders.len())
    };
    let before = wait::until("a look at the orders", || async { Ok(orders().await) }).await?;
    wait::until("the customers to order", || async {
        let now = orders().await;
        Ok(now.filter(|now| *now >= before + MORE).map(drop))
    })
    .await
}

/// How long a store is away: a few seconds, or what `make store-outage` says.
pub fn away() -> Duration {
    const USUAL: u64 = 5;
    let named = std::env::var("AWAY_SECONDS").ok();
    let seconds = named.map(|text| text.parse().expect("AWAY_SECONDS is a number of seconds"));
    Duration::from_secs(seconds.unwrap_or(USUAL))
}

/// How long a fault lasts: the point of it, not a wait for something.
pub async fn lasting(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Runs `shopctl` on a service's store.
pub async fn shopctl(url: &str, arguments: &[&str]) -> Result<String> {
    let shop = Path::new(env!("CARGO_BIN_EXE_shop"));
    let output = tokio::process::Command::new(shop.with_file_name("shopctl"))
        .args(arguments)
        .env("STORE_URL", url)
        .output()
        .await
        .context("shopctl cannot be started: cargo build --workspace --bins")?;
    ensure!(
        output.status.success(),
        "shopctl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
