//! Events that are told once their transaction is committed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{EventId, Timestamp};
use store_kit::StoreError;
use tokio::sync::Notify;

use crate::handoff::Handoff;
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

    /// What the commands of this process hand over to its relay, if they do.
    fn handoff(&self) -> Option<&Handoff> {
        None
    }

    /// What waits.
    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError>;

    /// Looks at some of the events whose ids come after one, in the order of their ids, and makes the relay publish again,
    /// with the same ids, those of them that happened since. [`replay_since`] goes on until all are done.
    async fn replay_some(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Replayed, StoreError>;
}

/// What one step of replaying came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Events that are published again.
    pub events: u64,
    /// The id of the last one looked at; none if nothing comes after those before.
    pub last: Option<String>,
}

/// How far the clocks of a service's processes may be apart, and an event's id from the time it tells.
const CLOCKS_DIFFER: Duration = Duration::from_hours(1);

/// Makes the relay publish again, with the same ids, what happened since; returns how many events that are. It is done
/// `batch` by `batch`, each by itself, along the ids, which begin with their time; `progress` is told how many after each.
/// Whoever is interrupted begins again: consumers do nothing twice.
pub async fn replay_since(
    store: &(impl OutboxStore + ?Sized),
    since: Timestamp,
    batch: u32,
    mut progress: impl FnMut(u64) + Send,
) -> Result<u64, StoreError> {
    let mut events = 0;
    let mut after = EventId::at(since.minus(CLOCKS_DIFFER)).to_string();
    loop {
        let replayed = store.replay_some(since, &after, batch).await?;
        let Some(last) = replayed.last else {
            return Ok(events);
        };
        events += replayed.events;
        after = last;
        progress(events);
    }
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
