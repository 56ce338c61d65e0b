//! RabbitMQ, 3.10 or newer.
//!
//! One topic exchange, a quorum queue for each of the service's bindings, and one for its dead letters (`topology`).
//! Two connections: one that publishes and may be blocked by the broker, and one that consumes. Both are made when they
//! are needed and made anew after they broke; who uses them waits between tries with a growing back-off. A task of the
//! service's life looks after the queues. Nothing here fails a start because the broker is away.

mod address;
pub mod admin;
mod administer;
mod explain;
mod line;
pub mod permissions;
mod publisher;
mod socket;
mod source;
mod topology;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use contracts::topology::{BINDINGS, Binding};
use service_kit::{Lifecycle, error_chain};
use tokio_util::sync::CancellationToken;

use self::address::Address;
pub use self::administer::{Account, account, try_connection};
use self::line::Line;
use self::publisher::Publisher;
use self::source::RabbitSource;
pub use self::topology::EXCHANGE;
use self::topology::Topology;
use crate::broker::{Broker, BrokerError, Confirms, Subscription};
use crate::connect::ConnectError;
use crate::message::Message;
use crate::retry::until_back;
use crate::settings::BrokerSettings;

/// A service's connections to RabbitMQ.
pub struct RabbitBroker {
    lifecycle: Lifecycle,
    consuming: Arc<Line>,
    publisher: Publisher,
    topology: Arc<Topology>,
    /// Why the last look after the queues failed.
    trouble: Arc<Mutex<Option<BrokerError>>>,
    closed: CancellationToken,
}

impl RabbitBroker {
    /// For a service. Returns at once; the connection is made in the background. The queues that `contracts::topology`
    /// gives the service are declared, and looked after, without being asked for.
    pub fn connect(
        settings: &BrokerSettings,
        service: &'static str,
        lifecycle: &Lifecycle,
    ) -> Result<Arc<Self>, ConnectError> {
        let address = Arc::new(Address::new(settings)?);
        let consuming = Arc::new(Line::new(Arc::clone(&address), service, "consume"));
        let publishing = Line::new(address, service, "publish");
        let owned = topology::owned(service, BINDINGS);
        let topology = Arc::new(Topology::new(Arc::clone(&consuming), service, owned));
        let not_yet = BrokerError::Away("not connected yet".to_owned());
        let broker = Arc::new(Self {
            lifecycle: lifecycle.clone(),
            publisher: Publisher::new(publishing, Arc::clone(&topology), service),
            consuming,
            topology,
            trouble: Arc::new(Mutex::new(Some(not_yet))),
            closed: CancellationToken::new(),
        });
        broker.look_after(settings, service);
        Ok(broker)
    }

    /// Looks every few seconds whether everything is there: consumers hear of a deleted queue, but not of a deleted
    /// exchange.
    fn look_after(&self, settings: &BrokerSettings, service: &'static str) {
        let (topology, trouble) = (Arc::clone(&self.topology), Arc::clone(&self.trouble));
        let (draining, closed) = (self.lifecycle.token(), self.closed.clone());
        let period = settings.topology_check();
        self.lifecycle.spawn("broker-upkeep", async move {
            let mut waits = until_back();
            let mut last_reason = String::new();
            while !draining.is_cancelled() && !closed.is_cancelled() {
                let error = topology.ensure().await.err();
                let wait = match &error {
                    None => {
                        waits = until_back();
                        period
                    }
                    Some(_) => waits.next().unwrap_or(period),
                };
                let reason = error.as_ref().map(|error| error_chain(error));
                let reason = reason.unwrap_or_default();
                if reason != last_reason {
                    if reason.is_empty() {
                        tracing::info!(service, "the broker is back");
                    } else {
                        tracing::warn!(service, reason, "the broker cannot be used; trying again");
                    }
                    last_reason = reason;
                }
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = error;
                tokio::select! {
                    () = draining.cancelled() => {}
                    () = closed.cancelled() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
        });
    }
}

#[async_trait]
impl Broker for RabbitBroker {
    fn kind(&self) -> &'static str {
        "rabbitmq"
    }

    fn trouble(&self) -> Option<BrokerError> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError> {
        self.topology.declare(bindings).await
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, BrokerError> {
        self.publisher.publish(batch).await
    }

    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.topology.ensure().await?;
        let (line, lifecycle) = (Arc::clone(&self.consuming), self.lifecycle.clone());
        let source = RabbitSource::new(line, lifecycle, queue, prefetch).await?;
        Ok(Subscription::new(source))
    }

    async fn close(&self) {
        self.closed.cancel();
        self.publisher.close().await;
        self.consuming.close().await;
    }
}
