//! Row S: the disk of a server is full. What needs it is refused, nothing that was acknowledged is lost, and all goes on once
//! there is room and the server, which may have ended by itself, was started again. Only root may mount a disk for this.

use anyhow::Result;
use testkit::platform::Server;
use testkit::servers::ServerProcess;
use testkit::wait;

use crate::platform::platform;
use crate::trial::Trial;

/// What the system says; servers write it into their logs.
const FULL: &str = "No space left on device";

/// Waits until the server has said that there is no room.
async fn noticed(server: &ServerProcess) -> Result<()> {
    wait::until("the server to find its disk full", || async {
        Ok(server.log().contains(FULL).then_some(()))
    })
    .await
}

/// Makes room, and starts the server again if it has ended.
async fn room_again(server: &ServerProcess) -> Result<()> {
    server.free_disk()?;
    if !server.is_running().await? {
        server.launch().await?;
    }
    server.until_ready().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_a_full_disk_under_postgresql_refuses_orders_and_loses_none() {
    const MIB: u32 = 256;
    let builder = platform().replicas(2).own(Server::Postgres).disk_mib(MIB);
    let mut trial = Trial::start(builder, "s1 postgres").await.unwrap();
    let progress = trial.load.progress();
    trial
        .during(async |shop| {
            let server = shop.postgres()?;
            server.fill_disk().await?;
            noticed(server).await?;
            progress.refused(20).await?;
            room_again(server).await
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
            room_again(server).await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}
