//! A consumer as RabbitMQ knows it.

use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use service_kit::Lifecycle;

use crate::broker::BrokerError;
use crate::rabbitmq::line::{Fault, Line};

/// A message that was taken in.
pub(super) struct Taken {
    /// To be kept until the message is settled.
    pub(super) channel: Channel,
    pub(super) delivery: lapin::message::Delivery,
}

impl Taken {
    /// Puts it back into its queue, untried.
    pub(super) fn give_back(self) {
        // The first look hands it to the connection; when it is written is of no interest.
        let _ = self.delivery.acker.nack(untried()).now_or_never();
    }
}

/// From RabbitMQ 4.3 this does not count as a failed delivery.
fn untried() -> BasicNackOptions {
    BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    }
}

/// Consumers of a queue, on a channel of their own: the queue hears of their end at once, so that nothing that one of them
/// leaves is handed to the other. Dropped it gives back what nobody has begun, so that other replicas have it at once. What
/// is in hand can still be acknowledged: the receipts keep the channel, and it is closed with the last of them.
pub(super) struct Intake {
    line: Arc<Line>,
    lifecycle: Lifecycle,
    queue: Arc<str>,
    /// Taken out only at the end.
    consuming: Option<Consuming>,
}

struct Consuming {
    channel: Channel,
    /// Takes one message at a time.
    first: Consumer,
    /// Takes the rest of the prefetch.
    rest: Option<Consumer>,
}

impl Intake {
    /// Takes one message at a time.
    pub(super) async fn open(
        line: Arc<Line>,
        lifecycle: Lifecycle,
        queue: Arc<str>,
    ) -> Result<Self, BrokerError> {
        let channel = line.channel().await?;
        let first = line.ask(consume(&channel, &queue, 1)).await;
        let first = first.map_err(|fault| line.explain(fault))?;
        let consuming = Consuming {
            channel,
            first,
            rest: None,
        };
        Ok(Self {
            line,
            lifecycle,
            queue,
            consuming: Some(consuming),
        })
    }

    /// With so many more at a time.
    pub(super) async fn widen(mut self, rest: u16) -> Result<Option<Self>, BrokerError> {
        if let Some(consuming) = &mut self.consuming {
            let consumer = consume(&consuming.channel, &self.queue, rest);
            let consumer = self.line.ask(consumer).await;
            let consumer = consumer.map_err(|fault| self.line.explain(fault))?;
            consuming.rest = Some(consumer);
        }
        Ok(Some(self))
    }

    pub(super) fn is_wide(&self) -> bool {
        let consuming = self.consuming.as_ref();
        consuming.is_some_and(|consuming| consuming.rest.is_some())
    }

    /// Waits for the next message. Cancelling this call loses nothing.
    pub(super) async fn next(&mut self) -> Result<Taken, BrokerError> {
        let Some(consuming) = &mut self.consuming else {
            return Err(BrokerError::Closed);
        };
        let delivery = match &mut consuming.rest {
            None => consuming.first.next().await,
            Some(rest) => tokio::select! {
                delivery = consuming.first.next() => delivery,
                delivery = rest.next() => delivery,
            },
        };
        match delivery {
            Some(Ok(delivery)) => Ok(Taken {
                channel: consuming.channel.clone(),
                delivery,
            }),
            Some(Err(error)) => Err(self.line.explain(Fault::Said(error))),
            None => Err(BrokerError::Away(format!(
                "the broker at {} ended the consumer of `{}`: the queue was deleted, or the broker is going down",
                self.line.address(),
                self.queue
            ))),
        }
    }

    /// Ends it, and gives back what nobody has begun.
    pub(super) async fn hand_back(mut self) {
        if let Some(consuming) = self.consuming.take() {
            hand_back(Arc::clone(&self.line), consuming).await;
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        let Some(consuming) = self.consuming.take() else {
            return;
        };
        let is_open = consuming.channel.status().connected();
        if is_open && tokio::runtime::Handle::try_current().is_ok() {
            let handing_back = hand_back(Arc::clone(&self.line), consuming);
            self.lifecycle.spawn("hand-back", handing_back);
        }
    }
}

async fn consume(channel: &Channel, queue: &str, prefetch: u16) -> lapin::Result<Consumer> {
    // For the consumers that are started after it.
    let qos = BasicQosOptions::default();
    channel.basic_qos(prefetch, qos).await?;
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
}

/// Ends the consumers first, or what they give back would come straight to them again.
async fn hand_back(line: Arc<Line>, consuming: Consuming) {
    let Consuming {
        channel,
        first,
        rest,
    } = consuming;
    let mut consumers: Vec<_> = std::iter::once(first).chain(rest).collect();
    for consumer in &consumers {
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
        if line.ask(cancelled).await.is_err() {
            // The channel is gone, and the broker has taken everything back by itself.
            return;
        }
    }
    for consumer in &mut consumers {
        while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
            if line.ask(delivery.acker.nack(untried())).await.is_err() {
                return;
            }
        }
    }
}
