//! Customers who order, cancel some of what they ordered, and try again with the same key until they are answered: a load that
//! knows afterwards what must have become of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::checker::Snapshot;
use crate::client::{Client, Reply};
use crate::front::Front;
use crate::wait;

/// How long one request is tried again, when everything is back.
const PATIENCE: Duration = Duration::from_mins(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Between two orders of one customer, while something is being broken.
const PACE: Duration = Duration::from_millis(250);

/// An order that was acknowledged.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its id.
    pub id: String,
    /// What was ordered.
    pub sku: String,
    /// How many pieces of it.
    pub quantity: u32,
}

/// How far a load is, for whoever breaks something meanwhile.
#[derive(Clone, Default)]
pub struct Progress {
    tried: Arc<AtomicUsize>,
    placed: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
}

impl Progress {
    /// How many requests were made so far.
    pub(super) fn tries(&self) -> usize {
        self.tried.load(Ordering::SeqCst)
    }

    pub(super) fn one_more_try(&self) {
        self.tried.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until so many more orders were acknowledged.
    pub async fn further(&self, orders: usize) -> Result<()> {
        more(&self.placed, orders, "orders").await
    }

    /// Waits until so many more requests were answered with a refusal that may pass.
    pub async fn refused(&self, requests: usize) -> Result<()> {
        more(&self.refused, requests, "refusals").await
    }
}

async fn more(counter: &AtomicUsize, count: usize, of: &str) -> Result<()> {
    let before = counter.load(Ordering::SeqCst);
    wait::until_within(PATIENCE, &format!("{count} more {of}"), || async {
        let now = counter.load(Ordering::SeqCst) - before;
        Ok((now >= count).then_some(()))
    })
    .await
}

/// One customer.
struct Buyer {
    client: Client,
    name: String,
    random: StdRng,
    skus: Vec<String>,
    orders: usize,
    /// By idempotency key.
    placed: BTreeMap<String, Placed>,
    /// The orders whose cancellation was acknowledged.
    cancelled: BTreeSet<String>,
    /// Every try that failed.
    troubles: Vec<String>,
    /// How often something was asked, with or without an answer.
    tries: usize,
    patience: Duration,
    progress: Progress,
}

/// Some customers, and what they got.
pub struct Load {
    buyers: Vec<Buyer>,
    /// The stock that each sku began with.
    stock: BTreeMap<String, u32>,
    progress: Progress,
}

impl Load {
    /// Customers and products of a running shop; drawn from `random`.
    pub async fn new(
        shop: Front<'_>,
        random: &mut StdRng,
        customers: usize,
        stock: &[(&str, u32)],
    ) -> Result<Self> {
        let admin = shop.admin().await?;
        for (sku, pieces) in stock {
            shop.product(&admin, sku, 1_000, *pieces).await?;
        }
        let stock: BTreeMap<String, u32> = stock
            .iter()
            .map(|(sku, pieces)| ((*sku).to_owned(), *pieces))
            .collect();
        let prefix = format!("buyer-{:x}", random.random::<u32>());
        let progress = Progress::default();
        let clients = shop.customers(&prefix, customers).await?;
        let buyers = clients
            .into_iter()
            .enumerate()
            .map(|(index, client)| Buyer {
                client,
                name: format!("{prefix}-{index}"),
                random: StdRng::seed_from_u64(random.random()),
                skus: stock.keys().cloned().collect(),
                orders: 0,
                placed: BTreeMap::new(),
                cancelled: BTreeSet::new(),
                troubles: Vec::new(),
                tries: 0,
                patience: PATIENCE,
                progress: progress.clone(),
            });
        Ok(Self {
            buyers: buyers.collect(),
            stock,
            progress,
        })
    }

    /// For shops of which something is away for so long: each request is tried again for longer.
    #[must_use]
    pub fn patient_for(mut self, away: Duration) -> Self {
        for buyer in &mut self.buyers {
            buyer.patience = PATIENCE + away;
        }
        self
    }

    /// The same customers at another address: a shop that was started again.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        for buyer in &mut self.buyers {
            buyer.client = buyer.client.at(address);
        }
        self
    }

    /// Places so many orders, all customers at once, each one after the other.
    pub async fn place(&mut self, orders: usize) -> Result<()> {
        let each = orders.div_ceil(self.buyers.len());
        self.run(|mut buyer| async move {
            for _ in 0..each {
                buyer.order().await?;
            }
            Ok(buyer)
        })
        .await
    }

    /// Goes on ordering until told to stop, with short pauses: a fault under load is another test than one of a machine that
    /// cannot keep up, and what has piled up must be worked off before anything can be checked.
    pub async fn until(&mut self, stop: CancellationToken) -> Result<()> {
        self.run(|mut buyer| {
            let stop = stop.clone();
            async move {
                while !stop.is_cancelled() {
                    buyer.order().await?;
                    tokio::time::sleep(PACE).await;
                }
                Ok(buyer)
            }
        })
        .await
    }

    async fn run<F: Future<Output = Result<Buyer>> + Send + 'static>(
        &mut self,
        work: impl Fn(Buyer) -> F,
    ) -> Result<()> {
        let mut running = JoinSet::new();
        for buyer in self.buyers.drain(..) {
            running.spawn(work(buyer));
        }
        while let Some(done) = running.join_next().await {
            self.buyers.push(done??);
        }
        Ok(())
    }

    /// The customers, each with an e-mail address and one of the orders acknowledged so far.
    pub fn customers(&self) -> impl Iterator<Item = (Client, String, &Placed)> {
        self.buyers.iter().filter_map(|buyer| {
            let email = format!("{}@example.com", buyer.name);
            let placed = buyer.placed.values().next()?;
            Some((buyer.client.clone(), email, placed))
        })
    }

    /// How far it is; can be asked while it runs.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// How many orders were acknowledged.
    #[must_use]
    pub fn orders(&self) -> usize {
        self.buyers.iter().map(|buyer| buyer.placed.len()).sum()
    }

    /// How many requests were made.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.buyers.iter().map(|buyer| buyer.tries).sum()
    }

    /// Every try that failed, although a later one was answered.
    #[must_use]
    pub fn troubles(&self) -> Vec<&str> {
        let buyers = self.buyers.iter();
        buyers
            .flat_map(|buyer| buyer.troubles.iter().map(String::as_str))
            .collect()
    }

    /// Sends every acknowledged order once more: the same key is the same order (I8), and it is still there (I9).
    pub async fn repeat_all(&self) -> Result<()> {
        try_join_all(self.buyers.iter().map(Buyer::repeat_all)).await?;
        Ok(())
    }

    /// Whether the stores hold what the customers were told, and nothing else.
    pub fn compare(&self, stores: &Snapshot) -> Result<()> {
        let orders = &stores.order.as_ref().context("no orders")?.orders;
        let shelves = &stores.product.as_ref().context("no stock")?.shelves;
        ensure!(
            orders.len() == self.orders(),
            "{} orders are there, {} were acknowledged",
            orders.len(),
            self.orders()
        );
        let mut taken: BTreeMap<&str, i64> = BTreeMap::new();
        for buyer in &self.buyers {
            for placed in buyer.placed.values() {
                let order = orders.get(&placed.id);
                let order = order.with_context(|| format!("{placed:?} is lost"))?;
                match order.status.as_str() {
                    "confirmed" => {
                        ensure!(
                            !buyer.cancelled.contains(&placed.id),
                            "{placed:?} was cancelled"
                        );
                        *taken.entry(&placed.sku).or_default() += i64::from(placed.quantity);
                    }
                    "rejected" | "cancelled" => {}
                    status => bail!("{placed:?} is {status}"),
                }
            }
        }
        for (sku, pieces) in &self.stock {
            let left = shelves.get(sku).with_context(|| format!("{sku} is gone"))?;
            let taken = taken.get(sku.as_str()).copied().unwrap_or(0);
            let received = i64::from(*pieces);
            ensure!(
                left.received == received
                    && left.available == received - taken
                    && left.reserved + left.sold == taken,
                "{sku}: {taken} of {received} went to confirmed orders, and the shelf has {left:?}"
            );
        }
        Ok(())
    }

    /// How many of its orders ended in each status.
    #[must_use]
    pub fn outcomes(&self, stores: &Snapshot) -> BTreeMap<String, usize> {
        let mut outcomes = BTreeMap::new();
        let ours = self.buyers.iter().flat_map(|buyer| buyer.placed.values());
        let orders = stores.order.as_ref().map(|store| &store.orders);
        for order in ours.filter_map(|placed| orders?.get(&placed.id)) {
            *outcomes.entry(order.status.clone()).or_default() += 1;
        }
        outcomes
    }

    /// How many of its orders the shop gave up by itself, because stock did not answer in time.
    pub fn given_up(&self, stores: &Snapshot) -> Result<usize> {
        let orders = &stores.order.as_ref().context("no orders")?.orders;
        let mut count = 0;
        for buyer in &self.buyers {
            for placed in buyer.placed.values() {
                let order = orders.get(&placed.id);
                let reason = order.and_then(|order| order.cancel_reason.as_deref());
                count += usize::from(reason == Some("reservation_timeout"));
            }
        }
        Ok(count)
    }
}

impl Buyer {
    /// One order of one to three pieces; every fourth is cancelled at once.
    async fn order(&mut self) -> Result<()> {
        self.orders += 1;
        let key = format!("{}-{}", self.name, self.orders);
        let place = self.random.random_range(0..self.skus.len());
        let sku = self
            .skus
            .get(place)
            .context("nothing is on the shelves")?
            .clone();
        let quantity = self.random.random_range(1..=3);
        let order = json!({"items": [{"sku": sku, "quantity": quantity}]});
        let reply = self
            .until_answered("/api/v1/orders", &key, &order)
            .await?
            .expect(201)?;
        let id = reply.text("/id")?.to_owned();
        self.progress.placed.fetch_add(1, Ordering::SeqCst);
        let placed = Placed {
            id: id.clone(),
            sku,
            quantity,
        };
        self.placed.insert(key.clone(), placed);
        if self.random.random_ratio(1, 4) {
            let path = format!("/api/v1/orders/{id}/cancel");
            let key = format!("{key}-cancel");
            let reply = self.until_answered(&path, &key, &json!({})).await?;
            match reply.status.as_u16() {
                202 => drop(self.cancelled.insert(id)),
                // Stock was faster and refused the order.
                409 => {}
                status => bail!("cancelling {id} answered {status}: {}", reply.body),
            }
        }
        Ok(())
    }

    async fn repeat_all(&self) -> Result<()> {
        for (key, placed) in &self.placed {
            let reply = self
                .client
                .place_order(key, &placed.sku, placed.quantity)
                .await?
                .expect(201)?;
            let same = reply.text("/id")? == placed.id;
            ensure!(same, "{key} was {placed:?}: {}", reply.body);
        }
        Ok(())
    }

    /// Tries again, with the same key, while there is no answer or one that says that something is away.
    async fn until_answered(&mut self, path: &str, key: &str, body: &Value) -> Result<Reply> {
        let begun = Instant::now();
        loop {
            self.tries += 1;
            self.progress.one_more_try();
            let trouble = match self.client.post_once(path, key, body).await {
                Ok(reply) if !may_pass(&reply) => return Ok(reply),
                Ok(reply) => {
                    self.progress.refused.fetch_add(1, Ordering::SeqCst);
                    format!("{key}: {} {}", reply.status, reply.body)
                }
                Err(error) => format!("{key}: {error:#}"),
            };
            if begun.elapsed() > self.patience {
                bail!("no answer in {:?}: {trouble}", self.patience);
            }
            self.troubles.push(trouble);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Too many requests, and something behind the gateway that is away. Any other error is a fault of the shop, also a 500.
fn may_pass(reply: &Reply) -> bool {
    matches!(reply.status.as_u16(), 429 | 502 | 503 | 504)
}
