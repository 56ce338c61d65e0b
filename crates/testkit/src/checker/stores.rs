//! The stores of services that run on real servers.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use contracts::{Clock as _, SystemClock};

use super::load::{Mongo, Postgres, Rabbit};
use super::mailbox::Mailbox;
use super::snapshot::{Notifications, Orders, Snapshot};
use super::{PATIENCE, Tap};

/// RabbitMQ tells how many messages wait in a queue, and not those that a consumer is working on or that a connection holds
/// which is dead and not yet known to be. So what looks lost is believed to be lost only after that long: more than the two
/// heartbeats after which a dead connection's messages are given to another consumer.
const SETTLING: Duration = Duration::from_secs(30);

/// Where everything is: the servers' own addresses, not those of proxies that a test breaks.
#[derive(Clone, Debug)]
pub struct StoreUrls {
    /// MongoDB, with the user service's database.
    pub user: String,
    /// MongoDB, with the product service's database.
    pub product: String,
    /// PostgreSQL, with the order service's database.
    pub order: String,
    /// PostgreSQL, with the notification service's database.
    pub notification: String,
    /// RabbitMQ, with the virtual host.
    pub broker: String,
}

/// The stores and the broker of one shop.
pub struct Stores {
    user: Mongo,
    product: Mongo,
    order: Postgres,
    notification: Postgres,
    broker: Rabbit,
    tap: Option<Tap>,
    mailbox: Option<Mailbox>,
    patience: Duration,
}

impl Stores {
    /// Names them. Nothing is asked yet: a server that does not answer shows when it is looked at.
    pub async fn at(urls: &StoreUrls) -> Result<Self> {
        Ok(Self {
            user: Mongo::new(&urls.user).await?,
            product: Mongo::new(&urls.product).await?,
            order: Postgres::new(&urls.order)?,
            notification: Postgres::new(&urls.notification)?,
            broker: Rabbit::new(&urls.broker),
            tap: None,
            mailbox: None,
            patience: PATIENCE,
        })
    }

    /// Compares outboxes with what the tap saw, too (I5, I6).
    #[must_use]
    pub fn tapped(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Compares what was sent with the mails in a Maildir, too: each is there once (I10).
    #[must_use]
    pub fn mailing_to(mut self, folder: PathBuf) -> Self {
        self.mailbox = Some(Mailbox::once(folder));
        self
    }

    /// Each mail is there once or more: something happens to those who send them that makes mails come again.
    #[must_use]
    pub fn mails_may_repeat(mut self) -> Self {
        self.mailbox = self.mailbox.map(Mailbox::or_more_often);
        self
    }

    /// Waits that long for the shop to come to rest, and not five minutes.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What the exchange was seen to pass on.
    #[must_use]
    pub fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    /// Everything that the rules see, now.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let taken_at = SystemClock.now().unix_millis();
        // Those who hear before those who tell: what is heard was told before. The broker before both, and the tap last.
        let queues = self.broker.queues().await.context("the broker")?;
        let notification = self.notification.load::<Notifications>().await;
        let order = self.order.load::<Orders>().await;
        Ok(Snapshot {
            taken_at,
            broker: Some(queues),
            notification: notification.context("the store of notification")?,
            order: order.context("the store of order")?,
            product: self.product.stock().await.context("the store of product")?,
            user: self.user.users().await.context("the store of user")?,
            tap: self.tap.as_ref().map(Tap::seen),
            // A mail is written before it is recorded.
            mails: self.mailbox.as_ref().map(Mailbox::mails).transpose()?,
        })
    }

    /// Waits until nothing moves any more (I3), then checks that all invariants hold; returns what was there then. The error
    /// lists what does not hold, with the ids it is about.
    pub async fn quiescent(&self) -> Result<Snapshot> {
        super::rest(self.patience, SETTLING, async || self.snapshot().await).await
    }

    /// What does not hold now and must hold at every moment: see [`Snapshot::wrong_at_any_moment`].
    pub async fn wrong_now(&self) -> Result<Vec<String>> {
        Ok(self.snapshot().await?.wrong_at_any_moment())
    }

    /// Whether the order service's projection of the catalog has the sku, so that it can be ordered.
    pub async fn catalog_knows(&self, sku: &str) -> Result<bool> {
        let known = "SELECT EXISTS (SELECT 1 FROM catalog WHERE sku = $1)";
        let known = sqlx::query_scalar::<_, bool>(known).bind(sku);
        Ok(known.fetch_one(self.order.pool()).await?)
    }
}
