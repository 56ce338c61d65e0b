//! Row H: a database is killed, ends sessions, or the reply to a COMMIT is lost. What became of a command is found out by its
//! idempotency key and by the inbox; a store that is away parks nothing (I12).

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::platform::{Edge, Server, Service};

use crate::platform::platform;
use crate::trial::{Trial, lasting};

const AWAY: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_postgresql_that_is_killed_loses_no_order_that_was_acknowledged() {
    let builder = platform().replicas(2).own(Server::Postgres);
    let mut trial = Trial::start(builder, "h1 postgres").await.unwrap();
    trial
        .during(async |shop| {
            shop.postgres()?.kill().await?;
            lasting(AWAY).await;
            shop.postgres()?.start().await
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h1_a_mongodb_that_is_killed_loses_no_stock() {
    let builder = platform().replicas(2).own(Server::Mongo);
    let mut trial = Trial::start(builder, "h1 mongo").await.unwrap();
    trial
        .during(async |shop| {
            let member = shop.mongo()?.member(0)?;
            member.kill().await?;
            lasting(AWAY).await;
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
                for _ in 0..TIMES {
                    connection
                        .execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                             WHERE datname = current_database() AND pid <> pg_backend_pid()",
                        )
                        .await?;
                    lasting(Duration::from_millis(150)).await;
                }
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
