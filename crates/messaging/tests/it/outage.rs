//! A broker that is away when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use contracts::topology::Binding;
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, BrokerError, Confirms, Message, Subscription};
use tempfile::TempDir;

/// An embedded broker behind a line that may break.
pub struct Outage {
    _folder: TempDir,
    pub broker: Arc<EmbeddedBroker>,
    /// So many publishes fail without reaching the broker.
    pub refused: AtomicU32,
    /// So many publishes reach the broker, but its answer is lost.
    pub unanswered: AtomicU32,
    pub publishes: AtomicU32,
}

impl Outage {
    pub async fn none() -> Arc<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker.db");
        Arc::new(Self {
            broker: EmbeddedBroker::open(&path).await.unwrap(),
            _folder: folder,
            refused: AtomicU32::new(0),
            unanswered: AtomicU32::new(0),
            publishes: AtomicU32::new(0),
        })
    }
}

fn take_one(counter: &AtomicU32) -> bool {
    counter
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .is_ok()
}

#[async_trait]
impl Broker for Outage {
    fn kind(&self) -> &'static str {
        self.broker.kind()
    }

    async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError> {
        self.broker.declare(bindings).await
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, BrokerError> {
        self.publishes.fetch_add(1, Ordering::SeqCst);
        if take_one(&self.refused) {
            return Err(BrokerError::Closed);
        }
        let reached = self.broker.publish(batch).await?;
        if take_one(&self.unanswered) {
            return Err(BrokerError::Closed);
        }
        Ok(reached)
    }

    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.broker.subscribe(queue, prefetch).await
    }

    async fn close(&self) {
        self.broker.close().await;
    }
}
