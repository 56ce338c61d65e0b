//! What services do with messages.

use async_trait::async_trait;
use contracts::Event;

use crate::message::Message;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its effect is committed, now or earlier; or it has none.
    Done,
    /// Not now: try again later, a few times.
    Retry(String),
    /// Never: keep it for a person.
    Park(String),
    /// The store is away: wait, and count nothing.
    Unavailable(String),
}

/// Handles the messages of one queue.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Does what the event asks for, in one transaction that begins with the inbox row. Called again with the same message
    /// after a crash, and concurrently with other messages.
    async fn handle(&self, message: &Message, event: Event) -> Outcome;
}
