//! Rows A, B, C and D on real servers: one replica dies at a named moment under load, the other goes on, and the one that died
//! comes back.

use testkit::checker::Snapshot;
use testkit::platform::{Builder, Platform, Service};

use crate::platform::platform;
use crate::trial::Trial;

/// A relay's.
const RELAY: [&str; 4] = [
    "relay.after_claim",
    "relay.after_publish",
    "relay.after_confirm",
    "relay.after_stamp",
];

/// Kills the first replica of a service at each point, one after the other.
async fn dies_at(shop: &Platform, service: Service, points: &[&str]) -> anyhow::Result<()> {
    let replica = shop.replica(service, 0)?;
    for point in points {
        replica.stop().await?;
        let armed = format!("{point}:2");
        replica.launch_with(&[("SHOP_CRASH_AT", &armed)]).await?;
        replica.crashed().await?;
        replica.start().await?;
    }
    Ok(())
}

async fn survives(name: &str, service: Service, points: &[&str]) -> Snapshot {
    survives_with(platform().replicas(2), name, service, points).await
}

async fn survives_with(
    builder: Builder,
    name: &str,
    service: Service,
    points: &[&str],
) -> Snapshot {
    let mut trial = Trial::start(builder, name).await.unwrap();
    trial
        .during(async |shop| dies_at(shop, service, points).await)
        .await
        .unwrap();
    trial.exact().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_a2_an_order_service_that_dies_around_the_commit_of_an_order() {
    let points = ["order.before_commit", "order.after_commit"];
    // The only one: the gateway would keep its connections to another for a minute.
    let builder = platform().replicas(2).replicas_of(Service::Order, 1);
    survives_with(builder, "a1 a2", Service::Order, &points).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_to_a6_a_relay_that_dies_anywhere_tells_everything_under_the_same_ids() {
    survives("a3-a6 order", Service::Order, &RELAY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a3_to_a6_hold_for_a_relay_on_mongodb_too() {
    survives("a3-a6 product", Service::Product, &RELAY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b1_to_b4_a_product_service_that_dies_while_it_reserves() {
    let points = [
        "consumer.product.orders.on_receipt",
        "product.mid_transaction",
        "consumer.product.orders.after_commit",
        "consumer.product.orders.after_ack",
    ];
    survives("b1-b4", Service::Product, &points).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_c2_a_sweeper_that_dies_gives_up_an_order_once() {
    let builder = platform()
        .replicas(2)
        .setting(Service::Order, "DEADLINES__RESERVE_S", "1");
    let mut trial = Trial::start(builder, "c1 c2").await.unwrap();
    trial
        .during(async |shop| {
            // While nobody reserves, orders become overdue.
            for replica in shop.replicas_of(Service::Product) {
                replica.stop().await?;
            }
            let order = shop.replica(Service::Order, 0)?;
            for point in ["sweeper.after_select:1", "sweeper.after_commit:1"] {
                order.stop().await?;
                order.launch_with(&[("SHOP_CRASH_AT", point)]).await?;
                order.crashed().await?;
            }
            order.start().await?;
            for replica in shop.replicas_of(Service::Product) {
                replica.start().await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let stores = trial.exact().await.unwrap();
    let given_up = trial.load.given_up(&stores).unwrap();
    assert!(
        given_up >= 2,
        "one before and one after its sweeper died: {given_up}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_d2_what_a_sender_that_dies_had_not_recorded_comes_again_under_the_same_message_id() {
    let points = [
        "notification.sender.after_send",
        "notification.sender.after_record",
    ];
    let builder = platform().replicas(2).mails_may_repeat();
    let stores = survives_with(builder, "d1 d2", Service::Notification, &points).await;
    // What was recorded as sent and what arrived was compared (I10). It died after the mail server's yes, so that at least one
    // mail came again; and nothing that it had in hand then was in hand when it died once more.
    let times = stores.mails.unwrap().arrived.into_values();
    let most = times.max();
    assert_eq!(most, Some(2), "how often the most frequent mail came");
}
