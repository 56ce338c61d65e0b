//! A service and a database of different versions.

use anyhow::Result;
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::client::Client;
use testkit::platform::{Platform, Service};
use testkit::wait::{self, PATIENCE};

use crate::platform::platform;

async fn on_orders(shop: &Platform, sql: &'static str) {
    let mut connection = PgConnection::connect(&shop.urls().order).await.unwrap();
    connection.execute(sql).await.unwrap();
}

/// What `/readyz` of the only order service says.
async fn readiness(shop: &Platform) -> Result<testkit::client::Reply> {
    let address = shop.replica(Service::Order, 0)?.admin_address()?;
    Client::new(&address)?.get("/readyz").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_on_a_database_that_was_not_migrated_waits_and_says_what_to_run() {
    let shop = platform().start().await.unwrap();
    let order = shop.replica(Service::Order, 0).unwrap();
    assert_eq!(order.stop().await.unwrap(), 0);
    on_orders(
        &shop,
        "ALTER TABLE schema_migrations RENAME TO forgotten_migrations",
    )
    .await;
    order.launch_with(&[]).await.unwrap();
    let reason = wait::until("the service to wait", || async {
        let Ok(reply) = readiness(&shop).await else {
            return Ok(None);
        };
        let reason = reply.body["reason"].as_str().map(str::to_owned);
        Ok(reason.filter(|reason| reason.contains("order migrate")))
    });
    let reason = reason.await.unwrap();
    assert!(reason.contains("this program needs"), "{reason}");
    // It goes on by itself once that was done.
    on_orders(
        &shop,
        "ALTER TABLE forgotten_migrations RENAME TO schema_migrations",
    )
    .await;
    order.until_ready().await.unwrap();
}

/// Places an order. The gateway may need a moment to find a service that was started again.
async fn an_order(customer: &Client, key: &str) {
    wait::until("an order to be accepted", || async {
        let reply = customer.place_order(key, "LAMP", 1).await?;
        Ok((reply.status == 201).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_replica_works_on_a_newer_schema_unless_that_asks_for_a_newer_program() {
    const NEWER: &str = "INSERT INTO schema_migrations (version, name, min_binary) VALUES (1000, 'of the future', 1)";
    const TOO_NEW: &str = "UPDATE schema_migrations SET min_binary = 1000 WHERE version = 1000";
    let shop = platform().start().await.unwrap();
    let admin = shop.admin().await.unwrap();
    shop.product(&admin, "LAMP", 1_000, 5).await.unwrap();
    let customer = shop.customer("drift").await.unwrap();
    let order = shop.replica(Service::Order, 0).unwrap();

    on_orders(&shop, NEWER).await;
    an_order(&customer, "running").await;
    assert_eq!(order.stop().await.unwrap(), 0);
    order.start().await.unwrap();
    an_order(&customer, "started").await;

    assert_eq!(order.stop().await.unwrap(), 0);
    on_orders(&shop, TOO_NEW).await;
    order.launch_with(&[]).await.unwrap();
    assert_eq!(order.ended(PATIENCE).await.unwrap(), 1);
    let log = order.log();
    assert!(
        log.contains("needs a program that knows schema version 1000")
            && log.contains("start a newer version"),
        "{log}"
    );
}
