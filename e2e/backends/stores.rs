//! Row H: a database is killed, ends sessions, or the reply to a COMMIT is lost. What became of a command is found out by its
//! idempotency key and by the inbox; a store that is away parks nothing (I12).

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use testkit::platform::{Builder, Edge, Server, Service};

use crate::platform::platform;
use crate::trial::{Trial, away, lasting};

/// With a server of its own, and time enough to work off what piles up while that is away.
fn with_own(server: Server) -> Builder {
    let patience = Duration::from_mins(5) + away();
    platform().replicas(2).own(server).patience(patience)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_postgresql_that_is_killed_loses_no_order_that_was_acknowledged() {
    let mut trial = Trial::start(with_own(Server::Postgres), "h1 postgres")
        .await
        .unwrap();
    trial
        .during(async |shop| {
            shop.postgres()?.kill().await?;
            lasting(away()).await;
            shop.postgres()?.start().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_mongodb_that_is_killed_loses_no_stock() {
    let mut trial = Trial::start(with_own(Server::Mongo), "h1 mongo")
        .await
        .unwrap();
    trial
        .during(async |shop| {
            let member = shop.mongo()?.member(0)?;
            member.kill().await?;
            lasting(away()).await;
            member.start().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_sessions_that_are_terminated_again_and_again_lose_and_double_nothing() {
    const TIMES: usize = 20;
    let mut trial = Trial::start(platform().replicas(2), "h2").await.unwrap();
    trial
        .during(async |shop| {
            for url in [&shop.urls().order, &shop.urls().notification] {
                let mut connection = PgConnection::connect(url).await?;
                let mut struck = 0;
                for _ in 0..TIMES {
                    let ended: i64 = sqlx::query_scalar(
                        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid()",
                    )
                    .fetch_one(&mut connection)
                    .await?;
                    struck += usize::from(ended > 0);
                    lasting(Duration::from_millis(150)).await;
                }
                // The first time all connections that wait for work, then those that were needed since.
                assert!(struck > TIMES / 2, "sessions were ended {struck} times");
            }
            Ok(())
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

/// Loses the reply to what ends a transaction, on the line of one replica, so many times.
async fn replies_are_lost(name: &str, service: Service, request: &[u8]) {
    const TIMES: usize = 8;
    let builder = platform().replicas(2).chaos(Edge::Store(service));
    let mut trial = Trial::start(builder, name).await.unwrap();
    trial
        .during(async |shop| {
            for time in 0..TIMES {
                let line = shop.edge(Edge::Store(service));
                let proxy = line.of(time % 2).expect("two replicas");
                proxy.cut_reply_after(request).done().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_a_lost_reply_to_the_commit_of_an_order_makes_no_second_order() {
    // An order is placed by one statement, which commits by itself; only that one carries the prices to be told.
    replies_are_lost("h3 order", Service::Order, b"unit_price").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_a_lost_reply_to_the_commit_of_a_notification_tells_nobody_twice() {
    // That too is one statement; only its values name the order so.
    replies_are_lost("h3 notification", Service::Notification, b"order_number").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h3_a_lost_reply_to_the_commit_of_a_reservation_takes_no_stock_twice() {
    replies_are_lost("h3 product", Service::Product, b"commitTransaction").await;
}
