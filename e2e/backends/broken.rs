//! Each thing that can be broken is broken once, under load, and comes back.

use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::chaos::Direction;
use testkit::customers::{Load, Progress};
use testkit::platform::{Edge, Platform, Server, Service};
use testkit::seed;
use tokio_util::sync::CancellationToken;

use crate::platform::platform;
use crate::trial::lasting;

/// For how long something stays broken: longer than the customers' pauses, shorter than their patience.
const BROKEN: Duration = Duration::from_millis(400);

/// Waits until customers get what they want again, and says how long that took.
async fn again(what: &str, progress: &Progress) -> Result<()> {
    let healed = Instant::now();
    progress.further(2).await?;
    println!("{what} was healed {:?} ago", healed.elapsed());
    Ok(())
}

async fn edges(shop: &Platform, progress: &Progress) -> Result<()> {
    for (number, edge) in Edge::all().into_iter().enumerate() {
        let lines = shop.edge(edge);
        match number % 3 {
            0 => lines.cut_off().await,
            1 => lines.black_hole(Direction::ToClient),
            _ => lines.delay(Direction::Both, Duration::from_millis(200)),
        }
        lasting(BROKEN).await;
        lines.pass().await?;
        lines.reset();
        again(&format!("{edge:?}"), progress).await?;
    }
    Ok(())
}

async fn servers(shop: &Platform, progress: &Progress) -> Result<()> {
    let (postgres, rabbit) = (shop.postgres()?, shop.rabbit()?);
    for server in [&**postgres, shop.mongo()?.member(0)?, &**rabbit] {
        server.kill().await?;
        lasting(BROKEN).await;
        server.start().await?;
        again("a server", progress).await?;
    }
    Ok(())
}

async fn replicas(shop: &Platform, progress: &Progress) -> Result<()> {
    for service in Service::BEHIND {
        shop.replica(service, 0)?.kill().await?;
        again(service.as_str(), progress).await?;
        shop.replica(service, 0)?.start().await?;
        shop.replica(service, 1)?.stop().await?;
        again(service.as_str(), progress).await?;
        shop.replica(service, 1)?.start().await?;
    }
    let gateway = shop.replica(Service::Gateway, 0)?;
    gateway.kill().await?;
    gateway.start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thing_broken_once_under_load_loses_and_doubles_nothing() {
    let mut random = seed::generator("each thing broken once");
    let shop = platform()
        .replicas(2)
        .chaos_everywhere()
        .mails_may_repeat()
        .own(Server::Postgres)
        .own(Server::Mongo)
        .own(Server::Rabbit)
        .start()
        .await
        .unwrap();
    let stock = [("PLENTY", 100_000), ("SCARCE", 40)];
    let mut load = Load::new(shop.front().unwrap(), &mut random, 6, &stock)
        .await
        .unwrap();

    let (over, progress) = (CancellationToken::new(), load.progress());
    let breaking = async {
        let broken = async {
            edges(&shop, &progress).await?;
            servers(&shop, &progress).await?;
            replicas(&shop, &progress).await
        };
        let broken = broken.await;
        over.cancel();
        broken
    };
    let (ordered, broken) = tokio::join!(load.until(over.clone()), breaking);
    broken.unwrap();
    ordered.unwrap();

    let stores = shop.quiescent().await.unwrap();
    load.compare(&stores).unwrap();
    load.repeat_all().await.unwrap();
    assert_eq!(stores.parked(), Vec::<String>::new());
    println!(
        "{} orders, {} tries in vain, {:?}",
        load.orders(),
        load.troubles().len(),
        load.outcomes(&stores)
    );
}
