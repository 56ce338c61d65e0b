//! What the stores of a shop hold, whatever engine keeps them: what the invariants are computed from.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

/// Everything at about one moment. Each store is read at one moment of its own; the stores one after the other. A service
/// that was left out has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was begun, in milliseconds since 1970.
    pub taken_at: i64,
    /// The user service's.
    pub user: Option<Users>,
    /// The product service's.
    pub product: Option<Stock>,
    /// The order service's.
    pub order: Option<Orders>,
    /// The notification service's.
    pub notification: Option<Notifications>,
    /// What waits in the broker.
    pub broker: Option<Queues>,
    /// What a queue that is bound to everything saw, if there is one.
    pub tap: Option<BTreeMap<String, Tapped>>,
    /// What arrived, if it is known where mails go.
    pub mails: Option<Mails>,
}

/// What a mailbox holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mails {
    /// How often each mail arrived, by `Message-ID`.
    pub arrived: BTreeMap<String, u32>,
    /// Whether something was done to the senders after which a mail may come again (rows D1 and D2).
    pub may_repeat: bool,
}

/// The messages of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// What it told or is going to tell, by message id.
    pub outbox: BTreeMap<String, Told>,
    /// What it has taken in, by queue and message id, with the time.
    pub inbox: BTreeMap<(String, String), i64>,
    /// What it keeps for later or for a person, by queue and message id.
    pub kept: BTreeMap<(String, String), Kept>,
}

/// An event in an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its type.
    pub event_type: String,
    /// What it is about.
    pub correlation_id: String,
    /// Whether the broker confirmed it.
    pub published: bool,
    /// What the rules look at of its body.
    pub about: About,
}

/// What the rules look at of the bodies of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct About {
    /// The account.
    pub user_id: Option<String>,
    /// The order.
    pub order: AboutOrder,
    /// What became of a request to release stock.
    pub outcome: Option<String>,
    /// Only the answer to a question, and no news.
    pub repeated: bool,
}

/// The order in the body of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AboutOrder {
    /// Whose it is.
    pub customer_id: Option<String>,
}

impl Told {
    pub(super) fn new(
        event_type: String,
        correlation_id: String,
        published: bool,
        body: &str,
    ) -> Result<Self> {
        Ok(Self {
            event_type,
            correlation_id,
            published,
            about: serde_json::from_str(body)?,
        })
    }
}

/// A message that waits to be tried again, or for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its type.
    pub event_type: String,
    /// Why.
    pub reason: String,
    /// Whether it waits for a person.
    pub parked: bool,
}

/// The user service's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Its messages.
    pub messages: Messages,
    /// Where each account is written to.
    pub accounts: BTreeMap<String, Contact>,
}

/// Where somebody is written to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Contact {
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
}

/// The product service's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Its messages.
    pub messages: Messages,
    /// By product id.
    pub products: BTreeMap<String, Offer>,
    /// By sku.
    pub shelves: BTreeMap<String, Shelf>,
    /// By order id.
    pub reservations: BTreeMap<String, Reservation>,
}

/// What can be ordered, and for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its version.
    pub version: i64,
    /// Its sku.
    pub sku: String,
    /// Its price in the smallest unit.
    pub amount: i64,
    /// The currency.
    pub currency: String,
    /// Whether it is sold at all.
    pub status: String,
}

/// The pieces of one sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Shelf {
    /// All that ever came, less what went otherwise than by orders.
    pub received: i64,
    /// Can be ordered.
    pub available: i64,
    /// Held for orders.
    pub reserved: i64,
    /// Gone to orders.
    pub sold: i64,
}

/// Pieces by sku.
pub type Lines = BTreeMap<String, i64>;

/// What stock has done for an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservation {
    /// `held`, `committed`, …
    pub state: String,
    /// What is held or sold for it.
    pub lines: Lines,
}

/// The order service's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Its messages.
    pub messages: Messages,
    /// By order id.
    pub orders: BTreeMap<String, Order>,
    /// What it knows of products, by product id.
    pub catalog: BTreeMap<String, Offer>,
    /// The replies it keeps, by caller and key.
    pub keys: BTreeMap<(String, String), Key>,
}

/// An order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Its status.
    pub status: String,
    /// How often it changed.
    pub version: i64,
    /// When it was placed.
    pub created_at: i64,
    /// Why it was cancelled, if it was.
    pub cancel_reason: Option<String>,
    /// What was ordered.
    pub lines: Lines,
    /// The versions that the timeline tells of.
    pub timeline: BTreeSet<i64>,
}

/// A reply that is kept for an `Idempotency-Key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The status of the reply.
    pub status: i64,
    /// What was made or changed.
    pub object_id: String,
}

/// The notification service's store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// Its messages.
    pub messages: Messages,
    /// What was told to whom.
    pub notifications: Vec<Notification>,
    /// By id.
    pub deliveries: BTreeMap<String, Delivery>,
    /// Whom it can write to, by account.
    pub contacts: BTreeMap<String, Contact>,
}

/// Something that was told to somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notification {
    /// Of what.
    pub event_id: String,
    /// Whom.
    pub user_id: String,
    /// Its place in their stream.
    pub stream_seq: i64,
}

/// A notification on its way by one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Of what.
    pub event_id: String,
    /// To whom.
    pub user_id: String,
    /// By which channel.
    pub channel: String,
    /// How far it is.
    pub state: String,
    /// Whether it will be tried.
    pub due: bool,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// What waits in the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Queues {
    /// A broker that can be looked into: each message.
    Open(Vec<Waiting>),
    /// A broker that only tells how many messages wait in a queue, and not those that somebody is working on.
    Counted(BTreeMap<String, u32>),
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The queue.
    pub queue: String,
    /// The queue it came from: another one for a dead letter.
    pub origin: String,
    /// Its id and type.
    pub message: String,
}

/// A message that the tap saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tapped {
    /// Its type.
    pub event_type: String,
    /// How often: more than once is allowed.
    pub times: u32,
}

impl Snapshot {
    /// The services that are there, with their messages.
    pub fn services(&self) -> impl Iterator<Item = (&'static str, &Messages)> {
        [
            ("user", self.user.as_ref().map(|store| &store.messages)),
            (
                "product",
                self.product.as_ref().map(|store| &store.messages),
            ),
            ("order", self.order.as_ref().map(|store| &store.messages)),
            (
                "notification",
                self.notification.as_ref().map(|store| &store.messages),
            ),
        ]
        .into_iter()
        .filter_map(|(name, messages)| Some((name, messages?)))
    }

    /// The messages of the service that reads a queue.
    #[must_use]
    pub fn reader_of(&self, queue: &str) -> Option<&Messages> {
        let service = queue.split('.').next().unwrap_or_default();
        self.services()
            .find(|(name, _)| *name == service)
            .map(|(_, messages)| messages)
    }

    /// Whether every service that tells events is there.
    #[must_use]
    pub fn all_services(&self) -> bool {
        self.services().count() == 4
    }

    /// The messages that wait for a person, as `service: id type of queue: reason`.
    #[must_use]
    pub fn parked(&self) -> Vec<String> {
        let parked = self.services().flat_map(|(service, messages)| {
            let kept = messages.kept.iter().filter(|(_, kept)| kept.parked);
            kept.map(move |(message, kept)| format!("{service}: {}", kept.named(message)))
        });
        parked.collect()
    }
}

impl Kept {
    pub(super) fn named(&self, (queue, id): &(String, String)) -> String {
        format!("{id} {} of {queue}: {}", self.event_type, self.reason)
    }
}
