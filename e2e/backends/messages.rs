//! Rows G and Q: messages that come again and again, that nobody can read, and that kill whoever takes them.

use std::collections::BTreeSet;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::platform::{Platform, Service};
use testkit::wait;

use crate::platform::platform;
use crate::trial::{Trial, shopctl};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_everything_told_again_three_times_at_once_has_one_effect() {
    let mut trial = Trial::start(platform().replicas(2), "g").await.unwrap();
    let mut told = BTreeSet::new();
    trial
        .during(async |shop| {
            let urls = shop.urls();
            let mut seen = shop.tap()?.seen();
            seen.retain(|_, tapped| !tapped.event_type.starts_with("notification."));
            told.extend(seen.into_keys());
            let again = async |service: &str, url: &str| {
                let arguments = ["outbox", "replay", "--since", "1h", "--service", service];
                shopctl(url, &arguments).await
            };
            for _ in 0..3 {
                tokio::try_join!(
                    again("order", &urls.order),
                    again("product", &urls.product),
                    again("user", &urls.user),
                )?;
            }
            Ok(())
        })
        .await
        .unwrap();
    trial.exact().await.unwrap();
    // Whatever had been told before came again, to everybody who hears it (I7).
    assert!(told.len() >= 20, "{} events", told.len());
    wait::until("everything to come again", || async {
        let seen = trial.shop.tap()?.seen();
        let again = |id: &String| seen.get(id).is_some_and(|tapped| tapped.times > 1);
        Ok(told.iter().all(again).then_some(()))
    })
    .await
    .unwrap();
}

/// Publishes a message as nobody in the shop would.
async fn publish(shop: &Platform, id: &str, event_type: &str, body: &str) -> Result<()> {
    shop.tap()?.foreign(id);
    let vhost = shop
        .urls()
        .broker
        .rsplit_once('/')
        .map_or("%2f", |(_, vhost)| vhost);
    let url = format!(
        "{}/api/exchanges/{vhost}/shop.events/publish",
        shop.rabbit_api_url()
    );
    let message = json!({
        "properties": { "message_id": id, "type": event_type, "delivery_mode": 2 },
        "routing_key": event_type,
        "payload": body,
        "payload_encoding": "string",
    });
    let http = reqwest::Client::builder().no_proxy().build()?;
    let sent = http.post(url).json(&message).send().await?;
    let answer: Value = sent.error_for_status()?.json().await?;
    anyhow::ensure!(answer["routed"] == true, "{answer}");
    Ok(())
}

const PARKED: &str = "/api/v1/admin/services/product/parked-messages";

async fn parked(admin: &Client) -> Vec<Value> {
    let reply = admin.get(PARKED).await.unwrap().expect(200).unwrap();
    reply.body["data"].as_array().unwrap().clone()
}

async fn until_parked(admin: &Client) -> Value {
    wait::until("the message to be parked", || async {
        // The gateway may need a moment to find a service that was started again.
        let reply = admin.get(PARKED).await?;
        Ok(reply.body.pointer("/data/0").cloned())
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q1_a_message_that_nobody_can_read_is_parked_and_those_behind_it_are_handled() {
    let shop = platform().start().await.unwrap();
    let admin = shop.admin().await.unwrap();
    shop.product(&admin, "LAMP", 1_000, 5).await.unwrap();
    let customer = shop.customer("q1").await.unwrap();

    let id = "01990000-0000-7000-8000-00000000dead";
    publish(&shop, id, "order.placed.v1", "{ this is no json")
        .await
        .unwrap();
    let placed = customer.place_order("behind", "LAMP", 1).await.unwrap();
    let order = placed.expect(201).unwrap().text("/id").unwrap().to_owned();
    assert_eq!(
        customer.settled_order(&order).await.unwrap()["status"],
        "confirmed"
    );

    let waiting = until_parked(&admin).await;
    assert_eq!(waiting["id"], id);
    assert_eq!(waiting["queue"], "product.orders");
    let reason = waiting["reason"].as_str().unwrap();
    assert!(reason.starts_with("undecodable"), "{reason}");

    // The command line sees the same, and can end it.
    let product = &shop.urls().product;
    let list = ["parked", "list", "--service", "product", "--output", "json"];
    let listed: Value = serde_json::from_str(&shopctl(product, &list).await.unwrap()).unwrap();
    assert!(listed.to_string().contains(id), "{listed}");
    let discard = ["parked", "discard", id, "--service", "product"];
    shopctl(product, &discard).await.unwrap();
    assert_eq!(parked(&admin).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn q2_a_message_that_kills_the_process_is_parked_and_works_once_the_cause_is_gone() {
    let shop = platform().start().await.unwrap();
    let admin = shop.admin().await.unwrap();
    shop.product(&admin, "LAMP", 1_000, 5).await.unwrap();
    let customer = shop.customer("q2").await.unwrap();
    let product = shop.replica(Service::Product, 0).unwrap();
    product.stop().await.unwrap();
    let placed = customer.place_order("deadly", "LAMP", 1).await.unwrap();
    let order = placed.expect(201).unwrap().text("/id").unwrap().to_owned();

    // Until the broker has had enough of it: 20 deliveries.
    let deadly = [("SHOP_CRASH_AT", "consumer.product.orders.on_receipt:1")];
    let mut deaths = 0;
    loop {
        product.launch_with(&deadly).await.unwrap();
        let ended = wait::until("the product service to die or to live on", || async {
            if !product.is_running().await? {
                return Ok(Some(true));
            }
            let page = format!("http://{}/metrics", product.admin_address()?);
            let Ok(page) = reqwest::get(page).await else {
                return Ok(None);
            };
            let parked = "shop_parked_messages{service=\"product\"} 1";
            let lives = page.text().await?.contains(parked);
            Ok(lives.then_some(false))
        });
        if !ended.await.unwrap() {
            break;
        }
        deaths += 1;
        assert!(deaths <= 25, "the fuse did not blow");
    }
    assert!(deaths >= 15, "given up after {deaths} deaths");
    product.stop().await.unwrap();
    product.start().await.unwrap();

    let waiting = until_parked(&admin).await;
    assert!(
        waiting["reason"]
            .as_str()
            .unwrap()
            .contains("delivery_limit"),
        "{waiting}"
    );
    let replay = format!("{PARKED}/{}/replay", waiting["id"].as_str().unwrap());
    admin
        .post(&replay, &json!({}))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(
        customer.settled_order(&order).await.unwrap()["status"],
        "confirmed"
    );
    let stores = shop.quiescent().await.unwrap();
    assert_eq!(stores.parked(), Vec::<String>::new());
}
