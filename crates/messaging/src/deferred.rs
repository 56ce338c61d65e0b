//! Messages whose time has not come, and messages that need a person.

use async_trait::async_trait;
use contracts::Timestamp;
use store_kit::StoreError;

use crate::message::Message;

/// A message that is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeferredMessage {
    /// The message.
    pub message: Message,
    /// The queue whose handler it waits for.
    pub queue: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A message that is not tried again until somebody says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The message.
    pub message: Message,
    /// The queue it came from.
    pub queue: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given up.
    pub reason: String,
    /// When it was given up.
    pub parked_at: Timestamp,
}

/// How many messages wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeferredStats {
    /// Tried again by themselves.
    pub deferred: u64,
    /// Waiting for a person.
    pub parked: u64,
}

/// The deferred and parked messages of one service. A message is known by its id.
#[async_trait]
pub trait DeferredStore: Send + Sync + 'static {
    /// Keeps a message for `next_at`. One that is kept already stays as it is.
    async fn defer(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Keeps a message for a person. One that is deferred already is parked.
    async fn park(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The messages whose time has come, oldest first.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError>;

    /// Forgets a message: it is done.
    async fn resolve(&self, id: &str) -> Result<(), StoreError>;

    /// Puts a deferred message off once more.
    async fn reschedule(
        &self,
        id: &str,
        attempts: u32,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The parked messages after the position (time of parking and id), oldest first.
    async fn parked(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError>;

    /// One parked message.
    async fn parked_message(&self, id: &str) -> Result<Option<ParkedMessage>, StoreError>;

    /// Makes a parked message due now, with its attempts forgotten; `false` if there is none.
    async fn replay(&self, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets a parked message; `false` if there is none.
    async fn discard(&self, id: &str) -> Result<bool, StoreError>;

    /// How many wait.
    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError>;
}
