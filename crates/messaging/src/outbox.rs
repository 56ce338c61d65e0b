//! Events that are told once their transaction is committed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use store_kit::StoreError;
use tokio::sync::Notify;

use crate::message::Message;

/// What waits in an outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// Events that are not published.
    pub pending: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

/// A store's outbox, as the relay sees it.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// Takes the oldest unpublished events that nobody holds, for as long as `lease`.
    async fn claim(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError>;

    /// Marks events as published.
    async fn mark_published(&self, ids: Vec<String>, now: Timestamp) -> Result<(), StoreError>;

    /// Gives claimed events back before their lease ends; `until` is when they may be claimed again.
    async fn release(&self, ids: Vec<String>, until: Timestamp) -> Result<(), StoreError>;

    /// What waits.
    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError>;

    /// Makes the relay publish again, with the same ids, what happened since; returns how many.
    async fn replay_since(&self, since: Timestamp) -> Result<u64, StoreError>;
}

/// Wakes the relay after a commit; without it the relay looks every second. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Poke(Arc<Notify>);

impl Poke {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that something was committed.
    pub fn poke(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn poked(&self) {
        self.0.notified().await;
    }
}
