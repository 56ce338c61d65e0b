//! Many customers, few pieces.

use serde_json::Value;
use testkit::checker;
use testkit::client::{Client, Reply};
use tokio::task::JoinSet;

use crate::shop::{Shop, harness};

const CUSTOMERS: usize = 200;
const STOCK: usize = 50;

/// Everybody orders one piece at once, each sending the same request `times` times; the replies, by customer.
async fn race(customers: &[Client], sku: &'static str, times: usize) -> Vec<Vec<Reply>> {
    let mut racing = JoinSet::new();
    for (index, customer) in customers.iter().enumerate() {
        for _ in 0..times {
            let customer = customer.clone();
            racing.spawn(async move {
                let reply = customer
                    .place_order(&format!("{sku}-{index}"), sku, 1)
                    .await;
                (index, reply.unwrap())
            });
        }
    }
    let mut replies: Vec<Vec<Reply>> = customers.iter().map(|_| Vec::new()).collect();
    while let Some(done) = racing.join_next().await {
        let (index, reply) = done.unwrap();
        replies[index].push(reply);
    }
    replies
}

/// The final status of each customer's order, and the codes of the rejected ones.
async fn outcomes(customers: &[Client], replies: &[Vec<Reply>]) -> (usize, Vec<Value>) {
    let (mut confirmed, mut rejections) = (0, Vec::new());
    for (customer, replies) in customers.iter().zip(replies) {
        let order = customer
            .settled_order(replies[0].text("/id").unwrap())
            .await
            .unwrap();
        match order["status"].as_str().unwrap() {
            "confirmed" => confirmed += 1,
            "rejected" => rejections.push(order["rejection"].clone()),
            other => panic!("unexpected status {other}: {order}"),
        }
    }
    (confirmed, rejections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_customers_race_for_fifty_pieces_and_exactly_fifty_get_one() {
    let shop = Shop::start(harness()).await.unwrap();
    shop.product("RACE-1", 1_000, 50).await.unwrap();
    shop.product("RACE-2", 1_000, 50).await.unwrap();
    let customers = shop.customers("racer", CUSTOMERS).await.unwrap();

    for (sku, times) in [("RACE-1", 1), ("RACE-2", 2)] {
        let replies = race(&customers, sku, times).await;
        for of_one in &replies {
            let mut ids: Vec<&str> = Vec::new();
            for reply in of_one {
                assert_eq!(reply.status, 201, "{}", reply.body);
                ids.push(reply.text("/id").unwrap());
            }
            ids.dedup();
            assert_eq!(ids.len(), 1, "one key, one order: {ids:?}");
        }
        let (confirmed, rejections) = outcomes(&customers, &replies).await;
        assert_eq!(
            (confirmed, rejections.len()),
            (STOCK, CUSTOMERS - STOCK),
            "{sku}"
        );
        for rejection in rejections {
            assert_eq!(rejection["items"][0]["code"], "insufficient_stock");
        }
    }
    checker::quiescent(shop.harness.data()).await.unwrap();
}
