//! What every broker does for us.

use std::collections::HashSet;

use async_trait::async_trait;
use contracts::topology::Binding;

use crate::message::Message;

/// Why a broker did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BrokerError {
    /// The broker's own store refused.
    #[error("the broker's store refused")]
    Store(#[from] store_kit::StoreError),
    /// The broker is closed.
    #[error("the broker is closed")]
    Closed,
    /// The server cannot be reached, or the connection broke: it may pass by itself.
    #[error("{0}")]
    Away(String),
    /// The server refuses; it says why, and what to do. It is tried again: somebody may do it.
    #[error("{0}")]
    Refused(String),
    /// The server is short of memory or disk and takes no events until that is over. Events are still handed out.
    #[error("blocked: the broker takes no events at present, it says: {0}")]
    Blocked(String),
}

impl From<sqlite_store::StoreError> for BrokerError {
    fn from(error: sqlite_store::StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// What became of a batch that was published. What is in neither set was routed nowhere: no queue hears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirms {
    /// Ids that are now durable in at least one queue that hears them.
    pub reached: HashSet<String>,
    /// Ids that the broker could not take (`basic.nack`), as when a queue that hears them is full, or is going away with the broker:
    /// to be published again.
    pub refused: HashSet<String>,
}

/// Durable queues, delivered at least once.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// What kind it is, for health and metrics: `embedded`, `rabbitmq`.
    fn kind(&self) -> &'static str;

    /// Why events cannot be exchanged at present, as far as it is known without trying; for health.
    fn trouble(&self) -> Option<BrokerError> {
        None
    }

    /// Makes the queues and their bindings, and one dead-letter queue for each service that has queues. Idempotent.
    async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError>;

    /// Publishes a batch, and waits until the broker has said of each message what became of it.
    async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, BrokerError>;

    /// Takes messages from a queue, `prefetch` at most at a time; consumers of one queue compete.
    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError>;

    /// Ends the broker, or the connection to it.
    async fn close(&self);
}

/// Where deliveries come from.
#[async_trait]
pub trait Source: Send {
    /// The next delivery. Cancelling this call loses nothing.
    async fn next(&mut self) -> Result<Delivery, BrokerError>;
}

/// A consumer's end of a queue.
pub struct Subscription(Box<dyn Source>);

impl Subscription {
    /// From a broker's own source.
    #[must_use]
    pub fn new(source: impl Source + 'static) -> Self {
        Self(Box::new(source))
    }

    /// Waits for the next delivery. Cancelling this call loses nothing.
    pub async fn next(&mut self) -> Result<Delivery, BrokerError> {
        self.0.next().await
    }
}

/// What settles one delivery.
#[async_trait]
pub trait Receipt: Send {
    /// Takes the message off the queue; `false` if it was not there any more.
    async fn ack(self: Box<Self>) -> Result<bool, BrokerError>;

    /// Moves the message to the dead letters. One that is a dead letter already goes back to its queue.
    async fn dead_letter(self: Box<Self>) -> Result<(), BrokerError>;
}

/// How a message became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadLetter {
    /// It was handed out [`DELIVERY_LIMIT`] times, and nobody settled it.
    DeliveryLimit,
    /// Its consumer gave it up.
    GivenUp,
}

/// One message, lent until it is acknowledged. Dropping it unacknowledged gives it back to the queue.
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// The queue it comes from; for a dead letter the queue it came from first.
    pub queue: String,
    /// How often it was handed out, this time included.
    pub attempt: u32,
    /// How it became a dead letter; none if it is none.
    pub dead_letter: Option<DeadLetter>,
    receipt: Box<dyn Receipt>,
}

impl Delivery {
    /// A delivery that this receipt settles.
    #[must_use]
    pub fn new(
        message: Message,
        queue: String,
        attempt: u32,
        dead_letter: Option<DeadLetter>,
        receipt: impl Receipt + 'static,
    ) -> Self {
        Self {
            message,
            queue,
            attempt,
            dead_letter,
            receipt: Box::new(receipt),
        }
    }

    /// Takes the message off the queue; `false` if it was not there any more, which is no error: it comes once more.
    pub async fn ack(self) -> Result<bool, BrokerError> {
        self.receipt.ack().await
    }

    /// Gives the message up: it becomes a dead letter of the service that owns its queue, and nothing waits behind it. One
    /// that is a dead letter already goes back to its queue instead: there is no other place for it.
    pub async fn give_up(self) -> Result<(), BrokerError> {
        self.receipt.dead_letter().await
    }
}

/// How often a message may be handed out before the broker moves it to the dead-letter queue: the fuse for messages that
/// kill the process.
pub const DELIVERY_LIMIT: u32 = 20;

/// From so many hand-outs on a message is under suspicion, and handed out alone. One that kills the process is suspected
/// together with those that were in hand with it; one at a time they prove their innocence, and only the culprit reaches
/// the delivery limit.
pub(crate) const SUSPECT: u32 = 4;

/// The dead-letter queue of the service that owns a queue: `order.stock` → `order.dead-letters`.
#[must_use]
pub fn dead_letters_of(queue: &str) -> String {
    let service = queue.split('.').next().unwrap_or(queue);
    format!("{service}.dead-letters")
}

/// Whether a queue is one of dead letters. They are not handled but kept, so none of them is ever under suspicion: one that
/// cannot be kept, and comes again and again, must not hold up the others.
pub(crate) fn is_of_dead_letters(queue: &str) -> bool {
    queue == dead_letters_of(queue)
}
