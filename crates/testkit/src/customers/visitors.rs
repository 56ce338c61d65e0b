//! People who look around while something is replaced: every request they make is counted, and each that was not answered as
//! it should be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Load, Placed, Progress};
use crate::client::{Client, PASSWORD, send};

/// Between two requests of one visitor, if they are not to keep up with a clock.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of their requests.
#[derive(Debug, Default)]
pub struct Visits {
    /// How often each kind of request was answered with a 200.
    pub answered: BTreeMap<&'static str, usize>,
    /// All others.
    pub failed: Vec<String>,
    /// The longest that one of them waited for an answer.
    pub slowest: Duration,
}

/// A customer with an order, and what there is to look at: a name and a path.
struct Visitor {
    client: Client,
    email: String,
    looks: Vec<(&'static str, String)>,
}

/// Some visitors.
pub struct Visitors {
    people: Vec<Visitor>,
    /// Together with these customers they make so many requests a second.
    in_all: Option<(u32, Progress)>,
}

impl Visitors {
    /// The customers of a load, who have ordered: in other windows, as it were.
    pub async fn among(load: &Load, count: usize) -> Result<Self> {
        let customers: Vec<_> = load.customers().collect();
        let visitors = customers.into_iter().cycle().take(count);
        let visitors = visitors.map(|(client, email, placed)| Visitor::new(client, email, placed));
        Ok(Self {
            people: try_join_all(visitors).await?,
            in_all: None,
        })
    }

    /// Whatever the customers of the load ask, they ask what is missing to so many requests a second: at a pace of their own they
    /// ask less often the slower they are answered. There must be enough of them.
    #[must_use]
    pub fn in_all(mut self, per_second: u32, load: &Load) -> Self {
        self.in_all = Some((per_second, load.progress()));
        self
    }

    /// Looks at everything, again and again, until told to stop.
    pub async fn until(self, stop: CancellationToken) -> Result<Visits> {
        let pace = self.in_all;
        let pace = pace.map(|(per_second, customers)| Arc::new(Pace::new(per_second, customers)));
        let mut running = JoinSet::new();
        for visitor in self.people {
            running.spawn(visitor.until(stop.clone(), pace.clone()));
        }
        let mut all = Visits::default();
        while let Some(visits) = running.join_next().await {
            let Visits {
                answered,
                failed,
                slowest,
            } = visits?;
            for (what, times) in answered {
                *all.answered.entry(what).or_default() += times;
            }
            all.failed.extend(failed);
            all.slowest = all.slowest.max(slowest);
        }
        Ok(all)
    }
}

impl Visitor {
    async fn new(client: Client, email: String, placed: &Placed) -> Result<Self> {
        let order = format!("/api/v1/orders/{}", placed.id);
        let products = client.get("/api/v1/products").await?.expect(200)?;
        let product = format!("/api/v1/products/{}", products.text("/data/0/id")?);
        let timeline = format!("{order}/timeline");
        let fixed = |what, path: &str| (what, path.to_owned());
        Ok(Self {
            client,
            email,
            looks: vec![
                fixed("products", "/api/v1/products?limit=20"),
                ("a product", product),
                fixed("a search", "/api/v1/products?q=product"),
                fixed("categories", "/api/v1/categories"),
                fixed("orders", "/api/v1/orders"),
                ("an order", order),
                ("a timeline", timeline),
                fixed("a profile", "/api/v1/me"),
                fixed("addresses", "/api/v1/me/addresses"),
                fixed("notifications", "/api/v1/me/notifications"),
                fixed("unread", "/api/v1/me/notifications/unread-count"),
            ],
        })
    }

    async fn until(self, stop: CancellationToken, pace: Option<Arc<Pace>>) -> Visits {
        let mut visits = Visits::default();
        let next = async || match &pace {
            Some(pace) => pace.turn().await,
            None => tokio::time::sleep(PAUSE).await,
        };
        for look in self.looks.iter().map(Some).chain([None]).cycle() {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = next() => {}
            }
            let (what, request) = match look {
                Some((what, path)) => (*what, self.client.request(Method::GET, path)),
                None => ("a sign-in", self.sign_in()),
            };
            visits.ask(what, request).await;
        }
        visits
    }

    fn sign_in(&self) -> reqwest::RequestBuilder {
        let credentials = json!({"email": self.email, "password": PASSWORD});
        let request = self.client.request(Method::POST, "/api/v1/auth/login");
        request.json(&credentials)
    }
}

impl Visits {
    async fn ask(&mut self, what: &'static str, request: reqwest::RequestBuilder) {
        let begun = Instant::now();
        let asked = send(request).await.context("no answer");
        self.slowest = self.slowest.max(begun.elapsed());
        match asked.and_then(|reply| reply.expect(200)) {
            Ok(_) => *self.answered.entry(what).or_default() += 1,
            Err(error) => self.failed.push(format!("{what}: {error:#}")),
        }
    }

    /// How many were answered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.answered.values().sum()
    }
}
