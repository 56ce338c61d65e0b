//! Messages whose time has not come, and messages that need a person.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use serde::{Deserialize, Serialize};
use store_kit::StoreError;

use crate::message::Message;

/// For how long a process has a message that is due to itself. It tries at once everything that it has taken, and every try
/// ends long before. If it dies, another one takes the message then.
pub(crate) const LEASE: Duration = Duration::from_mins(2);

/// A message that is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeferredMessage {
    /// The message.
    pub message: Message,
    /// The queue whose handler it waits for.
    pub queue: String,
    /// How often it was tried, counted when a try begins: this one too.
    pub attempts: u32,
    /// How many tries in a row before this one nobody told the end of. In the first of them it was perhaps one of several, in
    /// the others it was alone.
    pub unended: u32,
}

/// Where a page of parked messages ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedPosition {
    /// When the last of its messages was given up.
    pub parked_at: Timestamp,
    /// That message's id.
    pub id: String,
    /// Its queue.
    pub queue: String,
}

impl ParkedPosition {
    /// The page that ends with this message.
    #[must_use]
    pub fn of(last: &ParkedMessage) -> Self {
        Self {
            parked_at: last.parked_at,
            id: last.message.id.clone(),
            queue: last.queue.clone(),
        }
    }
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

/// The deferred and parked messages of one service. A message is known by its id and the queue it came from: two consumers
/// of a service may have trouble with one event.
///
/// A try is counted when it begins, so that a message which kills its process uses up its tries too. Whoever tells how a
/// try ended tells which one; if its lease has ended and the message was taken, done or replayed since, nothing changes.
/// Only done is done, whichever try it was: its effect is committed, so no other try is needed, nor a person.
#[async_trait]
pub trait DeferredStore: Send + Sync + 'static {
    /// Keeps a message for `next_at` after a first try. One that is kept already stays as it is.
    async fn defer(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Keeps a message for a person after a delivery that failed. One that is deferred already is parked.
    async fn park(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Takes messages whose time has come, oldest first, for two minutes, and counts a try for each. Suspects are left out.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError>;

    /// The same for one suspect: a message whose last try nobody told the end of. It may have killed the process, or its
    /// process was killed, or the store was away at the end. It is to be tried alone.
    async fn suspect(&self, now: Timestamp) -> Result<Option<DeferredMessage>, StoreError>;

    /// Forgets a message: it is done, in this try or in an earlier one whose lease has ended since.
    async fn resolve(&self, tried: &DeferredMessage) -> Result<(), StoreError>;

    /// Puts a message off once more: this try failed.
    async fn reschedule(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Puts a message off without counting this try: it was none. A suspect stays one.
    async fn give_back(
        &self,
        tried: &DeferredMessage,
        next_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Parks a message after this try.
    async fn give_up(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The parked messages after the position, oldest first.
    async fn parked(
        &self,
        after: Option<ParkedPosition>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError>;

    /// The queues in which a message with this id is parked, by name.
    async fn parked_in(&self, id: &str) -> Result<Vec<String>, StoreError>;

    /// One parked message.
    async fn parked_message(
        &self,
        queue: &str,
        id: &str,
    ) -> Result<Option<ParkedMessage>, StoreError>;

    /// Makes a parked message due now, with its attempts forgotten; `false` if it is not parked.
    async fn replay(&self, queue: &str, id: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets a parked message; `false` if it is not parked.
    async fn discard(&self, queue: &str, id: &str) -> Result<bool, StoreError>;

    /// How many wait.
    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError>;
}
