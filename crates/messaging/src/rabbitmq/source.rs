//! Taking messages from a queue.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel, Consumer};
use service_kit::Lifecycle;

use super::line::{Fault, Line};
use super::wire;
use crate::broker::{BrokerError, Delivery, Receipt, Source};

/// A consumer, on a channel of its own.
pub(super) struct RabbitSource {
    line: Arc<Line>,
    lifecycle: Lifecycle,
    queue: String,
    /// Taken out only when it is dropped.
    consuming: Option<(Channel, Consumer)>,
}

impl RabbitSource {
    pub(super) async fn new(
        line: Arc<Line>,
        lifecycle: Lifecycle,
        queue: &str,
        prefetch: u16,
    ) -> Result<Self, BrokerError> {
        let channel = line.channel().await?;
        let consumer = line.ask(consume(&channel, queue, prefetch)).await;
        let consumer = consumer.map_err(|fault| line.explain(fault))?;
        Ok(Self {
            line,
            lifecycle,
            queue: queue.to_owned(),
            consuming: Some((channel, consumer)),
        })
    }

    fn delivery(&self, channel: &Channel, delivery: lapin::message::Delivery) -> Delivery {
        let message = wire::message(&delivery);
        let queue = wire::first_queue(&delivery.properties).unwrap_or_else(|| self.queue.clone());
        let attempt = wire::earlier_deliveries(&delivery.properties).saturating_add(1);
        let receipt = RabbitReceipt {
            acker: delivery.acker,
            line: Arc::clone(&self.line),
            _channel: channel.clone(),
        };
        Delivery::new(message, queue, attempt, receipt)
    }
}

async fn consume(channel: &Channel, queue: &str, prefetch: u16) -> lapin::Result<Consumer> {
    let qos = BasicQosOptions::default();
    channel.basic_qos(prefetch.max(1), qos).await?;
    let options = BasicConsumeOptions::default();
    channel
        .basic_consume(queue.into(), "".into(), options, FieldTable::default())
        .await
}

#[async_trait]
impl Source for RabbitSource {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let (channel, delivery) = match &mut self.consuming {
            Some((channel, consumer)) => (channel.clone(), consumer.next().await),
            None => return Err(BrokerError::Closed),
        };
        match delivery {
            Some(Ok(delivery)) => Ok(self.delivery(&channel, delivery)),
            Some(Err(error)) => Err(self.line.explain(Fault::Said(error))),
            None => Err(BrokerError::Away(format!(
                "the broker at {} ended the consumer of `{}`: the queue was deleted, or the broker is going down",
                self.line.address(),
                self.queue
            ))),
        }
    }
}

impl Drop for RabbitSource {
    /// Gives back what nobody has begun, so that other replicas have it at once. What is in hand can still be acknowledged:
    /// the receipts keep the channel.
    fn drop(&mut self) {
        let Some((channel, consumer)) = self.consuming.take() else {
            return;
        };
        if channel.status().connected() && tokio::runtime::Handle::try_current().is_ok() {
            let handing_back = hand_back(Arc::clone(&self.line), channel, consumer);
            self.lifecycle.spawn("hand-back", handing_back);
        }
    }
}

/// Ends a consumer first, or what it gives back would come straight to it again.
async fn hand_back(line: Arc<Line>, channel: Channel, mut consumer: Consumer) {
    let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    if line.ask(cancelled).await.is_err() {
        // The channel is gone, and the broker has taken everything back by itself.
        return;
    }
    while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
        // Nobody has tried it: from RabbitMQ 4.3 this does not count as a failed delivery.
        let options = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        if line.ask(delivery.acker.nack(options)).await.is_err() {
            return;
        }
    }
}

/// Settles one delivery.
struct RabbitReceipt {
    acker: Acker,
    line: Arc<Line>,
    /// Closed with the last receipt, not with the consumer.
    _channel: Channel,
}

#[async_trait]
impl Receipt for RabbitReceipt {
    async fn ack(self: Box<Self>) -> Result<bool, BrokerError> {
        let acknowledged = self.acker.ack(BasicAckOptions::default());
        let acknowledged = self.line.ask(acknowledged).await;
        acknowledged.map_err(|fault| self.line.explain(fault))
    }
}

impl Drop for RabbitReceipt {
    /// An unsettled message goes back to its queue. `reject`, because from RabbitMQ 4.3 a `nack` does not count, and the
    /// limit of deliveries would never be reached.
    fn drop(&mut self) {
        if self.acker.usable() {
            let options = BasicRejectOptions { requeue: true };
            // The first look hands it to the connection; when it is written is of no interest.
            let _ = self.acker.reject(options).now_or_never();
        }
    }
}
