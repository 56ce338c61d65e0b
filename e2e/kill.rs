//! `kill -9` at any moment (I9): every acknowledged order is there, every saga finishes, nothing is doubled but mails that were in
//! hand (I10).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rand::RngExt as _;
use serde_json::json;
use testkit::client::Client;
use testkit::seed;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::shop::{Mailbox, Shop, harness, repeats};

const KILLS: usize = 24;
const BUYERS: usize = 6;
const PLENTY: &str = "KILL-PLENTY";
const SCARCE: &str = "KILL-SCARCE";
const SCARCE_STOCK: u32 = 40;

/// Mails that a killed process may have handed over and not recorded: eight are handed over at a time, as many results wait to be
/// recorded, and as many are being recorded.
const IN_HAND: usize = 24;

/// A customer who orders without a pause, cancels every fourth order at once, and tries again with the same key when no answer
/// came.
struct Buyer {
    client: Client,
    name: String,
    orders: usize,
    unanswered: Option<(String, &'static str)>,
    /// The id of each acknowledged order, by idempotency key.
    acknowledged: BTreeMap<String, (String, &'static str)>,
    /// The key and the id of the order that is to be cancelled next.
    unwanted: Option<(String, String)>,
    /// The ids of the orders whose cancellation was acknowledged.
    cancelled: BTreeSet<String>,
}

impl Buyer {
    async fn buy_until_cut(mut self, address: String) -> Result<Self> {
        let client = self.client.at(&address);
        loop {
            if let Some((key, id)) = self.unwanted.clone() {
                let path = format!("/api/v1/orders/{id}/cancel");
                match client.post_once(&path, &key, &json!({})).await {
                    Ok(reply) if reply.status == 202 => {
                        self.cancelled.insert(id);
                        self.unwanted = None;
                    }
                    // Stock was faster and refused the order.
                    Ok(reply) if reply.status == 409 => self.unwanted = None,
                    Ok(reply) if reply.status.is_server_error() => {}
                    Ok(reply) => bail!("cancelling {id} answered {}: {}", reply.status, reply.body),
                    Err(_) => return Ok(self),
                }
                continue;
            }
            let (key, sku) = self.unanswered.take().unwrap_or_else(|| {
                self.orders += 1;
                let sku = if self.orders.is_multiple_of(3) {
                    SCARCE
                } else {
                    PLENTY
                };
                (format!("{}-{}", self.name, self.orders), sku)
            });
            match client.place_order(&key, sku, 1).await {
                Ok(reply) if reply.status == 201 => {
                    let id = reply.text("/id")?.to_owned();
                    if self.orders.is_multiple_of(4) {
                        self.unwanted = Some((format!("{key}-cancel"), id.clone()));
                    }
                    self.acknowledged.insert(key, (id, sku));
                }
                // The process may be killed while the gateway still says that a service is gone.
                Ok(reply) if reply.status.is_server_error() => self.unanswered = Some((key, sku)),
                Ok(reply) => bail!("order {key} answered {}: {}", reply.status, reply.body),
                Err(_) => {
                    self.unanswered = Some((key, sku));
                    return Ok(self);
                }
            }
        }
    }

    /// Sends every acknowledged order once more: the same key is the same order.
    async fn repeat_all(&self, client: &Client) -> Result<()> {
        for (key, (id, sku)) in &self.acknowledged {
            let reply = client.place_order(key, sku, 1).await?.expect(201)?;
            ensure!(
                reply.text("/id")? == id,
                "{key} was {id} and is {}",
                reply.body
            );
            ensure!(
                reply.header("idempotency-replayed") == Some("true"),
                "{key} was placed anew"
            );
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_random_moments_under_load_it_loses_and_doubles_nothing() {
    let mut random = seed::generator("kill");
    // Its customers sign in once, and it may take longer than the ten minutes that a token usually lasts.
    let harness = harness().variable("SHOP__USER__TOKENS__ACCESS_S", "3600");
    let (mailbox, harness) = Mailbox::start(harness).await.unwrap();
    let shop = Shop::start(harness).await.unwrap();
    shop.product(PLENTY, 1_000, 100_000).await.unwrap();
    shop.product(SCARCE, 2_000, SCARCE_STOCK).await.unwrap();
    let customers = shop.customers("buyer", BUYERS).await.unwrap();
    let mut buyers: Vec<Buyer> = customers
        .into_iter()
        .enumerate()
        .map(|(index, client)| Buyer {
            client,
            name: format!("buyer-{index}"),
            orders: 0,
            unanswered: None,
            acknowledged: BTreeMap::new(),
            unwanted: None,
            cancelled: BTreeSet::new(),
        })
        .collect();
    let Shop {
        harness, process, ..
    } = shop;
    process.kill().await.unwrap();

    for round in 0..KILLS {
        let mut process = harness.spawn().unwrap();
        // Every fourth is killed while it starts.
        if round % 4 == 3 {
            let moment = Duration::from_millis(random.random_range(1..400));
            if timeout(moment, process.ready()).await.is_err() {
                process.kill().await.unwrap();
                continue;
            }
        }
        let run = process.ready().await.unwrap();
        let address = run.address("gateway").unwrap().to_owned();
        let mut buying = JoinSet::new();
        for buyer in buyers.drain(..) {
            buying.spawn(buyer.buy_until_cut(address.clone()));
        }
        // Not waiting for anything: the moment itself is what the test draws.
        tokio::time::sleep(Duration::from_millis(random.random_range(20..700))).await;
        process.kill().await.unwrap();
        for buyer in buying.join_all().await {
            buyers.push(buyer.unwrap());
        }
    }

    let (_process, run) = harness.start().await.unwrap();
    let address = run.address("gateway").unwrap();
    let (mut orders, mut scarce, mut cancelled) = (0, 0, 0);
    for buyer in &buyers {
        buyer.repeat_all(&buyer.client.at(address)).await.unwrap();
    }
    let stores = mailbox.of(&harness).mails_may_repeat();
    let stores = stores.quiescent().await.unwrap();
    let repeats = usize::try_from(repeats(&stores)).unwrap();
    for buyer in &buyers {
        for (id, sku) in buyer.acknowledged.values() {
            let order = buyer.client.at(address).settled_order(id).await.unwrap();
            orders += 1;
            match order["status"].as_str().unwrap() {
                "confirmed" => {
                    assert!(!buyer.cancelled.contains(id), "{order}");
                    scarce += usize::from(*sku == SCARCE);
                }
                "rejected" => assert_eq!(*sku, SCARCE, "{order}"),
                "cancelled" => {
                    let unanswered = buyer.unwanted.as_ref().is_some_and(|(_, of)| of == id);
                    assert!(unanswered || buyer.cancelled.contains(id), "{order}");
                    cancelled += 1;
                }
                status => panic!("unexpected status {status}: {order}"),
            }
        }
    }
    println!(
        "{KILLS} kills, {orders} acknowledged orders, {cancelled} cancelled, {scarce} of {SCARCE_STOCK} scarce pieces sold, \
         {repeats} mails repeated"
    );
    assert!(repeats <= KILLS * IN_HAND, "{repeats} mails repeated");
    assert!(orders > KILLS, "the load was not a load: {orders} orders");
    assert!(cancelled > 0, "nothing was cancelled");
    assert!(scarce <= usize::try_from(SCARCE_STOCK).unwrap());
}
