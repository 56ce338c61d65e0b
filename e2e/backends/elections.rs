//! Row H on a replica set of three: the primary of MongoDB changes while customers order. Those that are left elect another,
//! and what was acknowledged is there.

use std::time::Duration;

use anyhow::Result;
use testkit::platform::{Platform, Server};
use testkit::wait;

use crate::platform::platform;
use crate::trial::Trial;

/// How long a primary that stepped down is not elected again.
const DOWN: Duration = Duration::from_secs(10);

/// Waits for so many reservations more that stock is certainly written again; during an election nobody can look.
async fn some_reservations(shop: &Platform) -> Result<()> {
    const MORE: usize = 10;
    let count = async || {
        let snapshot = shop.stores().snapshot().await.ok();
        let stock = snapshot.and_then(|snapshot| snapshot.product);
        stock.map(|stock| stock.reservations.len())
    };
    let before = wait::until("a look at the stock", async || Ok(count().await)).await?;
    wait::until("stock to be reserved", async || {
        let now = count().await;
        Ok(now.filter(|now| *now >= before + MORE).map(drop))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_stock_is_reserved_and_exact_while_mongodb_elects_one_primary_after_the_other() {
    let builder = platform().replicas(2).own(Server::MongoSet);
    let mut trial = Trial::start(builder, "h1 election").await.unwrap();
    trial
        .during(async |shop| {
            let set = shop.mongo()?;
            let stepped_down = set.step_down(DOWN).await?;
            set.another_primary(stepped_down).await?;
            some_reservations(shop).await?;
            // Asked again: where the processors are taken, they elect one without being made to.
            let primary = set.primary().await?;
            // Two of three are a majority: the shop works without the third.
            set.member(primary)?.kill().await?;
            set.another_primary(primary).await?;
            some_reservations(shop).await?;
            set.member(primary)?.start().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}
