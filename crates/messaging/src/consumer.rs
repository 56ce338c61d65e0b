//! Consumers: from a queue through a handler to an acknowledgement, or into the deferred messages.
//!
//! A message is acknowledged only after the handler's transaction, or the row that defers it, is committed. While a store
//! is away nothing is acknowledged and nothing is counted; the message stays in hand and is tried again.

mod poller;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use contracts::Clock;
use futures_util::FutureExt as _;
use service_kit::{Lifecycle, crash_point, error_chain, trace_context};
use tokio::task::JoinSet;
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
    shared: Shared,
    queues: Vec<(&'static str, ConsumerSettings)>,
    lifecycle: Lifecycle,
}

#[derive(Clone)]
struct Shared {
    broker: Arc<dyn Broker>,
    deferred: Arc<dyn DeferredStore>,
    clock: Arc<dyn Clock>,
    handlers: Arc<HashMap<&'static str, Arc<dyn Handler>>>,
    draining: CancellationToken,
    service: &'static str,
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
            shared: Shared {
                broker,
                deferred,
                clock,
                handlers: Arc::default(),
                draining: lifecycle.token(),
                service: lifecycle.name(),
            },
            queues: Vec::new(),
            lifecycle: lifecycle.clone(),
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
        let mut handlers = HashMap::clone(&self.shared.handlers);
        handlers.insert(queue, handler);
        self.shared.handlers = Arc::new(handlers);
        self.queues.push((queue, settings));
        self
    }

    /// Starts everything as tasks of the lifecycle: a consumer a queue, one for the dead letters, and the poller of deferred
    /// messages.
    pub fn start(self) {
        let mut dead_letters = None;
        for (queue, settings) in self.queues {
            dead_letters = Some(dead_letters_of(queue));
            let shared = self.shared.clone();
            self.lifecycle
                .spawn("consumer", shared.consume(queue, settings));
        }
        if let Some(queue) = dead_letters {
            // Queue names live as long as the process: there is one such name a service.
            let queue: &'static str = Box::leak(queue.into_boxed_str());
            self.lifecycle.spawn(
                "dead-letters",
                self.shared.clone().consume_dead_letters(queue),
            );
        }
        self.lifecycle
            .spawn("deferred-messages", poller::poll(self.shared));
    }
}

impl Shared {
    async fn consume(self, queue: &'static str, settings: ConsumerSettings) {
        let Some(handler) = self.handlers.get(queue).map(Arc::clone) else {
            return;
        };
        let limit = usize::from(settings.concurrency);
        let prefetch = settings.concurrency.saturating_mul(2);
        let mut working = JoinSet::new();
        let mut subscription = None;
        let mut waits = until_back();
        loop {
            while working.len() >= limit {
                working.join_next().await;
            }
            while working.try_join_next().is_some() {}
            match self.next(queue, prefetch, &mut subscription).await {
                Ok(Some(delivery)) => {
                    waits = until_back();
                    let (shared, handler) = (self.clone(), Arc::clone(&handler));
                    working.spawn(async move { shared.settle(queue, delivery, &*handler).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(
                        queue,
                        error = error_chain(&error),
                        "the queue cannot be read"
                    );
                    subscription = None;
                    self.pause(waits.next().unwrap_or_default()).await;
                }
            }
        }
        // What was begun is finished; what only waits in hand goes back to the queue.
        while working.join_next().await.is_some() {}
    }

    /// The next delivery; none when draining.
    async fn next(
        &self,
        queue: &'static str,
        prefetch: u16,
        subscription: &mut Option<Subscription>,
    ) -> Result<Option<Delivery>, BrokerError> {
        let work = async {
            if subscription.is_none() {
                *subscription = Some(self.broker.subscribe(queue, prefetch).await?);
            }
            match subscription {
                Some(subscription) => subscription.next().await,
                None => Err(BrokerError::Closed),
            }
        };
        tokio::select! {
            biased;
            () = self.draining.cancelled() => Ok(None),
            delivery = work => delivery.map(Some),
        }
    }

    /// Handles one delivery until it can be acknowledged.
    async fn settle(&self, queue: &'static str, delivery: Delivery, handler: &dyn Handler) {
        crash_point(&format!("consumer.{queue}.on_receipt"));
        let mut waits = until_back();
        let mut last_reason = String::new();
        loop {
            let outcome = run(&delivery.message, handler).await;
            match self.keep(queue, &delivery.message, outcome).await {
                Ok(()) => break,
                Err(reason) => {
                    if reason != last_reason {
                        tracing::warn!(queue, reason, "the store is away; the consumer waits");
                        last_reason = reason;
                    }
                    if !self.pause(waits.next().unwrap_or_default()).await {
                        return;
                    }
                }
            }
        }
        crash_point(&format!("consumer.{queue}.after_commit"));
        match delivery.ack().await {
            Ok(true) => {}
            Ok(false) => metrics::counter!("shop_late_acks_total", "queue" => queue).increment(1),
            Err(error) => {
                tracing::debug!(
                    queue,
                    error = error_chain(&error),
                    "an acknowledgement was lost; the message comes again"
                );
            }
        }
        crash_point(&format!("consumer.{queue}.after_ack"));
    }

    /// Makes the outcome durable, so that the message may be acknowledged; an error says why it cannot be yet.
    async fn keep(&self, queue: &str, message: &Message, outcome: Outcome) -> Result<(), String> {
        let now = self.clock.now();
        let kept = match outcome {
            Outcome::Done => return Ok(()),
            Outcome::Unavailable(reason) => return Err(reason),
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
        kept.map_err(|error| error_chain(&error))
    }

    /// Parks what the broker gave up on.
    async fn consume_dead_letters(self, queue: &'static str) {
        let mut subscription = None;
        let mut waits = until_back();
        loop {
            let kept = match self.next(queue, 16, &mut subscription).await {
                Ok(None) => return,
                Err(error) => Err(error_chain(&error)),
                Ok(Some(delivery)) => {
                    let reason = format!(
                        "delivery_limit: handed out {} times without an end",
                        delivery.attempt
                    );
                    let outcome = Outcome::Park(reason);
                    match self.keep(&delivery.queue, &delivery.message, outcome).await {
                        Ok(()) => delivery
                            .ack()
                            .await
                            .map(|_| ())
                            .map_err(|error| error_chain(&error)),
                        Err(reason) => Err(reason),
                    }
                }
            };
            if let Err(reason) = kept {
                tracing::warn!(queue, reason, "the dead letters cannot be kept yet");
                subscription = None;
                self.pause(waits.next().unwrap_or_default()).await;
            } else {
                waits = until_back();
            }
        }
    }

    /// Sleeps; `false` if draining began.
    async fn pause(&self, wait: std::time::Duration) -> bool {
        tokio::select! {
            () = self.draining.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// Runs a handler in the message's trace. What cannot be decoded is parked; a panic is a failed try.
async fn run(message: &Message, handler: &dyn Handler) -> Outcome {
    let event = match message.decode() {
        Ok(event) => event,
        Err(error) => return Outcome::Park(format!("undecodable: {}", error_chain(&error))),
    };
    let work = AssertUnwindSafe(handler.handle(message, event)).catch_unwind();
    let outcome = match &message.traceparent {
        Some(traceparent) => trace_context::scope(traceparent.clone(), work).await,
        None => work.await,
    };
    outcome.unwrap_or_else(|_| {
        tracing::error!(
            id = message.id,
            event_type = message.event_type,
            "a handler panicked"
        );
        Outcome::Retry("the handler panicked; see the log".to_owned())
    })
}
