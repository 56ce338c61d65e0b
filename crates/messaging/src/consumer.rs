//! Consumers: from a queue through a handler to an acknowledgement, or into the deferred messages.
//!
//! A message is acknowledged only after the handler's transaction, or the row that defers it, is committed. While a store
//! is away nothing is acknowledged and nothing is counted; the message stays in hand and is tried again. A message that the
//! store refuses to keep is given up after a few tries: it waits among the broker's dead letters, and nothing behind it does.
//!
//! One [`Consumers`] a service: `Consumers::new(…).queue(name, handler, settings).start()` runs a consumer for each queue, one
//! for the service's dead letters, and the poller that tries deferred messages again.

mod dead_letters;
mod deliveries;
mod poller;
mod run;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use contracts::Clock;
use service_kit::{Lifecycle, error_chain};
use store_kit::StoreError;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, BrokerError, Delivery, Subscription, dead_letters_of};
use crate::deferred::DeferredStore;
use crate::handler::{Handler, Outcome};
use crate::message::Message;
use crate::retry::{until_back, wait_after};

/// How a queue is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// Messages handled at the same time. The store's group commit makes one transaction of many.
    pub concurrency: u16,
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self { concurrency: 64 }
    }
}

/// The consumers of one service.
pub struct Consumers {
    broker: Arc<dyn Broker>,
    deferred: Arc<dyn DeferredStore>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    queues: HashMap<&'static str, (Arc<dyn Handler>, ConsumerSettings)>,
}

impl Consumers {
    /// Without queues yet.
    #[must_use]
    pub fn new(
        lifecycle: &Lifecycle,
        broker: Arc<dyn Broker>,
        deferred: Arc<dyn DeferredStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            broker,
            deferred,
            clock,
            lifecycle: lifecycle.clone(),
            queues: HashMap::new(),
        }
    }

    /// With a queue and its handler.
    #[must_use]
    pub fn queue(
        mut self,
        queue: &'static str,
        handler: Arc<dyn Handler>,
        settings: ConsumerSettings,
    ) -> Self {
        self.queues.insert(queue, (handler, settings));
        self
    }

    /// Starts everything as tasks of the lifecycle: a consumer a queue, one for the dead letters, and the poller of deferred
    /// messages.
    pub fn start(self) {
        let shared = Shared {
            broker: self.broker,
            deferred: self.deferred,
            clock: self.clock,
            draining: self.lifecycle.token(),
        };
        let mut dead_letters = BTreeSet::new();
        let mut handlers = HashMap::new();
        for (queue, (handler, settings)) in self.queues {
            dead_letters.insert(dead_letters_of(queue));
            handlers.insert(queue, Arc::clone(&handler));
            let consumer = deliveries::consume(shared.clone(), queue, handler, settings);
            self.lifecycle.spawn("consumer", consumer);
        }
        for queue in dead_letters {
            let consumer = dead_letters::consume(shared.clone(), queue);
            self.lifecycle.spawn("dead-letters", consumer);
        }
        let poller = poller::poll(shared, self.lifecycle.name(), handlers);
        self.lifecycle.spawn("deferred-messages", poller);
    }
}

/// What all tasks of a service's consumers work with.
#[derive(Clone)]
struct Shared {
    broker: Arc<dyn Broker>,
    deferred: Arc<dyn DeferredStore>,
    clock: Arc<dyn Clock>,
    draining: CancellationToken,
}

impl Shared {
    /// The next delivery of a queue, subscribing if need be; none when draining.
    async fn next(
        &self,
        queue: &str,
        prefetch: u16,
        subscription: &mut Option<Subscription>,
    ) -> Result<Option<Delivery>, BrokerError> {
        let work = async {
            let source = match subscription {
                Some(source) => source,
                None => subscription.insert(self.broker.subscribe(queue, prefetch).await?),
            };
            source.next().await
        };
        tokio::select! {
            biased;
            () = self.draining.cancelled() => Ok(None),
            delivery = work => delivery.map(Some),
        }
    }

    /// Makes the outcome durable, so that the message may be acknowledged.
    async fn keep(&self, queue: &str, message: &Message, outcome: Outcome) -> Result<(), NotKept> {
        let now = self.clock.now();
        let kept = match outcome {
            Outcome::Done => return Ok(()),
            Outcome::Unavailable(reason) => return Err(NotKept::Away(reason)),
            Outcome::Retry(reason) => {
                tracing::info!(queue, id = message.id, reason, "a message is deferred");
                let next_at = now.plus(wait_after(1).unwrap_or_default());
                self.deferred
                    .defer(queue, message.clone(), &reason, next_at)
                    .await
            }
            Outcome::Park(reason) => {
                tracing::warn!(queue, id = message.id, reason, "a message is parked");
                self.deferred
                    .park(queue, message.clone(), &reason, now)
                    .await
            }
        };
        kept.map_err(|error| NotKept::by(&error))
    }

    /// Waits a little, as a message whose settlement was lost comes at once: without a pause a broker that cannot write would
    /// be asked in circles.
    async fn comes_again(&self, queue: &str, error: &BrokerError) {
        let error = error_chain(error);
        tracing::debug!(
            queue,
            error,
            "the broker did not hear what became of a message; it comes again"
        );
        self.pause(until_back().next().unwrap_or_default()).await;
    }

    /// Sleeps; `false` if draining began.
    async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.draining.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// Why an outcome is not durable.
enum NotKept {
    /// The store is away: it is waited for, and nothing is counted.
    Away(String),
    /// The store refuses to keep the message. It may do so for good.
    Refused(String),
}

impl NotKept {
    fn by(error: &StoreError) -> Self {
        let reason = error_chain(error);
        if error.is_away() {
            Self::Away(reason)
        } else {
            Self::Refused(reason)
        }
    }
}
