//! The server and the network between go away (rows H1 to H3 and P of the fault matrix, on the store alone).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use postgres_store::Database;
use sqlx::PgPool;
use store_kit::StoreHandle as _;
use testkit::chaos::{Direction, Proxy};
use testkit::servers::{Postgres, PostgresOptions};
use testkit::wait;

use crate::notes::{SCHEMA, all, impatient, keep, notes, store};

/// Asks until the store takes a note again.
async fn until_back(db: &Database, id: &str) {
    wait::until("the store", || async {
        Ok(keep(db, id, 1).await.is_ok().then_some(()))
    })
    .await
    .unwrap();
}

async fn until_pool(db: &Database, what: &str, is_so: impl Fn(&PgPool) -> bool) {
    wait::until(what, || async { Ok(is_so(db.pool()).then_some(())) })
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_server_that_is_killed_and_work_goes_on_after() {
    let durable = PostgresOptions {
        durable: true,
        ..PostgresOptions::default()
    };
    let server = Postgres::start_with(&durable).await.unwrap();
    let settings = impatient(&server.url());
    Database::migrate(&settings, &SCHEMA).await.unwrap();
    let db = Database::open(&settings, &SCHEMA).await.unwrap();
    keep(&db, "acknowledged", 1).await.unwrap();
    server.kill().await.unwrap();
    assert!(keep(&db, "refused", 1).await.unwrap_err().is_away());
    assert!(db.ping().await.unwrap_err().is_away());
    server.start().await.unwrap();
    until_back(&db, "after").await;
    assert_eq!(all(&db).await, notes(&[("acknowledged", 1), ("after", 1)]));
    db.close().await;
    server.remove().await.unwrap();
}

#[tokio::test]
async fn a_reply_that_is_lost_after_the_commit_is_an_error_although_the_command_was_applied() {
    let store = store().await;
    let proxy = Proxy::before(store.place.url()).await.unwrap();
    let db = Database::open(&impatient(&proxy.url()), &SCHEMA)
        .await
        .unwrap();
    let cut = proxy.cut_reply_after(b"COMMIT");
    assert!(keep(&db, "applied", 1).await.unwrap_err().is_away());
    cut.done().await.unwrap();
    assert_eq!(
        all(&store.db).await,
        notes(&[("applied", 1)]),
        "once, and not again"
    );
    keep(&db, "after", 1).await.unwrap();
}

async fn swallowed(direction: Direction) {
    let store = store().await;
    let proxy = Proxy::before(store.place.url()).await.unwrap();
    let mut settings = impatient(&proxy.url());
    settings.pool.max = 2;
    let db = Database::open(&settings, &SCHEMA).await.unwrap();
    keep(&db, "before", 1).await.unwrap();
    until_pool(&db, "the connection to be free", |pool| {
        pool.num_idle() == 1
    })
    .await;
    proxy.black_hole(direction);
    let start = Instant::now();
    // More than there are connections, one after the other: each gives up, and none waits for those before it.
    for _ in 0..4 {
        assert!(keep(&db, "swallowed", 1).await.unwrap_err().is_away());
    }
    assert!(db.ping().await.unwrap_err().is_away());
    // Five times the six seconds that each may take, and as much again.
    let took = start.elapsed();
    assert!(took < Duration::from_mins(1), "{direction:?}: {took:?}");
    // Connections that do not answer are given up although nobody closes them, so that others can take their places.
    until_pool(&db, "the dead connections to be given up", |pool| {
        pool.size() == 0
    })
    .await;
    proxy.pass().await.unwrap();
    until_back(&db, "after").await;
    db.close().await;
}

#[tokio::test]
async fn a_network_that_swallows_everything_costs_bounded_time_and_no_connection_for_good() {
    let directions = [Direction::ToServer, Direction::ToClient, Direction::Both];
    join_all(directions.map(swallowed)).await;
}
