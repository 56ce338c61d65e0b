//! What settles a delivery of RabbitMQ.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use lapin::options::{BasicAckOptions, BasicRejectOptions};
use lapin::{Acker, Channel};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::broker::{BrokerError, Receipt};
use crate::rabbitmq::line::Line;

/// Settles one delivery.
pub(super) struct RabbitReceipt {
    pub(super) acker: Acker,
    pub(super) line: Arc<Line>,
    /// It comes from a queue of dead letters: what such a queue rejects, the broker drops.
    pub(super) dead_letters: bool,
    /// Closed with the last receipt, not with the consumer.
    pub(super) _channel: Channel,
    pub(super) _lent: TaskTrackerToken,
}

#[async_trait]
impl Receipt for RabbitReceipt {
    async fn ack(self: Box<Self>) -> Result<bool, BrokerError> {
        let acknowledged = self.acker.ack(BasicAckOptions::default());
        let acknowledged = self.line.ask(acknowledged).await;
        acknowledged.map_err(|fault| self.line.explain(fault))
    }

    async fn dead_letter(self: Box<Self>) -> Result<(), BrokerError> {
        let options = BasicRejectOptions {
            requeue: self.dead_letters,
        };
        let rejected = self.line.ask(self.acker.reject(options)).await;
        rejected.map(drop).map_err(|fault| self.line.explain(fault))
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
