//! Row S: the disk of a server is full. What needs it is refused, nothing that was acknowledged is lost, and all goes on once
//! there is room and the server, which may have ended by itself, was started again. Only root may mount a disk for this.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result};
use contracts::{Clock as _, SystemClock};
use testkit::platform::{Platform, Server};
use testkit::servers::ServerProcess;
use testkit::wait;
use tokio_util::sync::CancellationToken;

use crate::platform::platform;
use crate::trial::Trial;

/// What the system says; servers write it into their logs.
const FULL: &str = "No space left on device";

/// How long orders may take to be confirmed again: where a build has the processors, a server's end and its start do.
const PATIENCE: Duration = Duration::from_mins(3);

/// Waits until the server has said that there is no room.
async fn noticed(server: &ServerProcess) -> Result<()> {
    wait::until("the server to find its disk full", || async {
        Ok(server.log().contains(FULL).then_some(()))
    })
    .await
}

/// Makes room, and keeps the server running until orders that were placed since are confirmed. Its own word that it is ready
/// would not do: it may still give that while it dies of what found no room before.
async fn room_again(shop: &Platform, server: &ServerProcess) -> Result<()> {
    const CONFIRMED: usize = 10;
    server.free_disk()?;
    let since = SystemClock.now().unix_millis();
    let over = CancellationToken::new();
    let trouble = Mutex::new(String::new());
    let confirmed = async {
        let confirmed = wait::until_within(PATIENCE, "orders to be confirmed again", || async {
            // Cannot be taken as long as the server is away.
            let stores = match shop.stores().snapshot().await {
                Ok(stores) => stores,
                Err(error) => {
                    *trouble.lock().unwrap() = format!("{error:#}");
                    return Ok(None);
                }
            };
            let orders = stores.order.unwrap_or_default().orders.into_values();
            let since = orders.filter(|it| it.created_at > since && it.status == "confirmed");
            Ok((since.count() >= CONFIRMED).then_some(()))
        });
        let confirmed = confirmed.await;
        over.cancel();
        confirmed.with_context(|| format!("the last trouble: {}", trouble.lock().unwrap()))
    };
    // Beside it, for a look into the stores may wait for the server.
    let kept_running = wait::until_within(PATIENCE * 2, "the look to be over", || async {
        if !server.is_running().await?
            && let Err(error) = server.start().await
        {
            *trouble.lock().unwrap() = format!("{error:#}");
        }
        Ok(over.is_cancelled().then_some(()))
    });
    let (confirmed, kept_running) = tokio::join!(confirmed, kept_running);
    confirmed.and(kept_running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_full_disk_under_postgresql_refuses_orders_and_loses_none() {
    const MIB: u32 = 256;
    let builder = platform().replicas(2).own(Server::Postgres).disk_mib(MIB);
    let mut trial = Trial::start(builder, "s1 postgres").await.unwrap();
    // They are refused until the server is back.
    trial.load = trial.load.patient_for(PATIENCE);
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            let server = shop.postgres()?;
            server.fill_disk().await?;
            noticed(server).await?;
            progress.refused(20).await?;
            room_again(shop, server).await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_full_disk_under_mongodb_makes_orders_wait_and_loses_no_stock() {
    // Its journal alone takes 300.
    const MIB: u32 = 600;
    let builder = platform().replicas(2).own(Server::Mongo).disk_mib(MIB);
    let mut trial = Trial::start(builder, "s1 mongo").await.unwrap();
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            let server = shop.mongo()?.member(0)?;
            server.fill_disk().await?;
            noticed(server).await?;
            // Orders need no MongoDB to be accepted, only to be confirmed.
            progress.further(20).await?;
            room_again(shop, server).await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}
