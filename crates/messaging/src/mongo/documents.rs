//! Messages as documents.

use contracts::Timestamp;
use mongo_store::mongodb::bson::{Document, Timestamp as Position, doc};
use serde::{Deserialize, Serialize};

use crate::deferred::{DeferredMessage, ParkedMessage};
use crate::message::Message;

/// A message among the fields of its document.
#[derive(Serialize, Deserialize)]
pub(super) struct MessageFields {
    /// Among the deferred messages it is part of the key, and stands beside it.
    #[serde(rename = "_id", alias = "message_id")]
    pub(super) id: String,
    #[serde(rename = "type")]
    event_type: String,
    correlation_id: String,
    aggregate_version: i64,
    occurred_at: i64,
    producer: String,
    traceparent: Option<String>,
    body: String,
}

impl From<Message> for MessageFields {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            event_type: message.event_type,
            correlation_id: message.correlation_id,
            // Versions count changes of one thing.
            aggregate_version: i64::try_from(message.aggregate_version).unwrap_or(i64::MAX),
            occurred_at: message.occurred_at.unix_millis(),
            producer: message.producer,
            traceparent: message.traceparent,
            body: message.body,
        }
    }
}

impl From<MessageFields> for Message {
    fn from(fields: MessageFields) -> Self {
        Self {
            id: fields.id,
            event_type: fields.event_type,
            correlation_id: fields.correlation_id,
            aggregate_version: fields.aggregate_version.unsigned_abs(),
            occurred_at: Timestamp::from_unix_millis(fields.occurred_at),
            producer: fields.producer,
            traceparent: fields.traceparent,
            body: fields.body,
        }
    }
}

impl MessageFields {
    /// What is written if the message is not there yet. The id stands in the filter.
    pub(super) fn on_insert(self) -> Document {
        doc! {
            "type": self.event_type,
            "correlation_id": self.correlation_id,
            "aggregate_version": self.aggregate_version,
            "occurred_at": self.occurred_at,
            "producer": self.producer,
            "traceparent": self.traceparent,
            "body": self.body,
        }
    }
}

/// A new event of the outbox.
#[derive(Serialize)]
pub(super) struct OutboxRow {
    #[serde(flatten)]
    message: MessageFields,
    /// Nought: the server puts its own time and a counter in its place.
    seq: Position,
    pending: bool,
    claimed_until: i64,
}

impl OutboxRow {
    /// An event that nobody else takes before `claimed_until`, in milliseconds since 1970.
    pub(super) fn new(message: Message, claimed_until: i64) -> Self {
        Self {
            message: message.into(),
            seq: Position {
                time: 0,
                increment: 0,
            },
            pending: true,
            claimed_until,
        }
    }
}

/// The key of a message of a queue. No queue has a space in its name.
pub(super) fn key(id: &str, queue: &str) -> String {
    format!("{id} {queue}")
}

/// A deferred or parked message.
#[derive(Deserialize)]
pub(super) struct DeferredRow {
    #[serde(rename = "_id")]
    pub(super) key: String,
    #[serde(flatten)]
    message: MessageFields,
    queue: String,
    attempts: i64,
    /// Not there before the first try that was taken from here.
    #[serde(default)]
    unended: i64,
    reason: String,
    parked_at: Option<i64>,
}

impl DeferredRow {
    fn attempts(&self) -> u32 {
        u32::try_from(self.attempts).unwrap_or(u32::MAX)
    }

    /// A message that was found and then taken.
    pub(super) fn taken(self) -> DeferredMessage {
        DeferredMessage {
            attempts: self.attempts().saturating_add(1),
            unended: u32::try_from(self.unended).unwrap_or(u32::MAX),
            queue: self.queue,
            message: self.message.into(),
        }
    }

    pub(super) fn parked(self) -> ParkedMessage {
        ParkedMessage {
            attempts: self.attempts(),
            queue: self.queue,
            reason: self.reason,
            parked_at: Timestamp::from_unix_millis(self.parked_at.unwrap_or_default()),
            message: self.message.into(),
        }
    }
}
