//! A service that is stopped takes no other with it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ::shop::{DataFolder, Platform, Service, Settings};
use contracts::SystemClock;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::{checker, wait};

/// A shop inside the test's own process, whose services can be stopped one by one.
async fn start(folder: &DataFolder) -> (Platform, Client) {
    let mut settings = Settings::default();
    for http in [
        &mut settings.gateway.http,
        &mut settings.user.http,
        &mut settings.product.http,
        &mut settings.order.http,
        &mut settings.notification.http,
    ] {
        (http.port, http.admin_port) = (0, 0);
    }
    settings.place(folder.path()).unwrap();
    ::shop::prepare(folder, &mut settings).unwrap();
    let services = BTreeSet::from(Service::ALL);
    let platform = Box::pin(Platform::start(settings, &services, Arc::new(SystemClock)))
        .await
        .unwrap();
    let client = Client::new(&platform.addresses()["gateway"].to_string()).unwrap();
    (platform, client)
}

async fn sign_in_admin(stranger: &Client, folder: &Path) -> Client {
    let password = std::fs::read_to_string(folder.join("admin-password")).unwrap();
    stranger
        .log_in("admin@shop.example", password.trim())
        .await
        .unwrap()
}

async fn service_status(stranger: &Client, service: &str, expected: &str) -> Value {
    wait::until(&format!("{service} to be {expected}"), || async {
        let health = stranger.get("/healthz").await?;
        let found = health.body["services"][service]["status"] == *expected;
        Ok(found.then_some(health.body))
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_taken_while_other_services_are_stopped_and_finish_when_they_are_back() {
    let parent = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(parent.path()).unwrap();
    let (mut platform, stranger) = Box::pin(start(&folder)).await;
    let admin = sign_in_admin(&stranger, folder.path()).await;
    admin.create_product("ISLE", 1_000, 10).await.unwrap();
    let customer = stranger.register("islander@example.com").await.unwrap();
    wait::until("the catalog to reach the order service", || async {
        Ok(checker::catalog_knows(folder.path(), "ISLE")?.then_some(()))
    })
    .await
    .unwrap();

    platform.stop_service(Service::Product).await.unwrap();
    let products = stranger.get("/api/v1/products").await.unwrap();
    assert_eq!(
        (products.status.as_u16(), &products.body["code"]),
        (503, &json!("upstream_unavailable"))
    );
    assert!(products.header("retry-after").is_some());
    let order = customer
        .place_order("while-away", "ISLE", 2)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert_eq!(order.text("/status").unwrap(), "pending");
    customer
        .get("/api/v1/me")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let health = service_status(&stranger, "product", "down").await;
    assert_eq!(health["status"], "degraded");

    // Who is signed in stays so: tokens are verified without the user service.
    platform.stop_service(Service::User).await.unwrap();
    platform.stop_service(Service::Notification).await.unwrap();
    let second = customer
        .place_order("while-away-2", "ISLE", 1)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    platform.start_service(Service::Product).await.unwrap();
    for order in [&order, &second] {
        let settled = customer
            .settled_order(order.text("/id").unwrap())
            .await
            .unwrap();
        assert_eq!(settled["status"], "confirmed");
    }

    platform.start_service(Service::User).await.unwrap();
    platform.start_service(Service::Notification).await.unwrap();
    wait::until("the notifications that waited", || async {
        let reply = customer.get("/api/v1/me/notifications?limit=100").await?;
        let told = reply.body["data"].as_array().map_or(0, |data| {
            data.iter()
                .filter(|notification| notification["type"] == "order.confirmed")
                .count()
        });
        Ok((told == 2).then_some(()))
    })
    .await
    .unwrap();
    checker::quiescent(folder.path()).await.unwrap();
    platform.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_was_left_out_says_so_and_the_others_answer() {
    let harness = crate::shop::harness().only("gateway,user,order");
    let (process, run) = harness.start().await.unwrap();
    assert_eq!(
        run.addresses.keys().collect::<Vec<_>>(),
        ["gateway", "order", "user"]
    );
    let stranger = Client::new(run.address("gateway").unwrap()).unwrap();
    let customer = stranger.register("alone@example.com").await.unwrap();
    customer
        .get("/api/v1/orders")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let products = stranger.get("/api/v1/products").await.unwrap();
    assert_eq!(products.body["code"], "upstream_unavailable");
    assert!(process.stop(wait::PATIENCE).await.unwrap().success());
}
