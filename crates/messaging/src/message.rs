//! An event on its way.

use contracts::{DecodeError, Event, EventType, Payload, Timestamp};

/// A text that every store can keep: PostgreSQL has none with the character NUL.
pub(crate) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

/// An event as brokers and stores carry it: attributes as text, so that what cannot be understood can still be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `CloudEvents` `id`, AMQP `message_id`.
    pub id: String,
    /// `CloudEvents` `type`, the routing key.
    pub event_type: String,
    /// The order or account it is about.
    pub correlation_id: String,
    /// The version of the thing it is about.
    pub aggregate_version: u64,
    /// When it became true.
    pub occurred_at: Timestamp,
    /// The service that tells it; AMQP `app_id`.
    pub producer: String,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// The payload as JSON.
    pub body: String,
}

impl Message {
    /// The message that carries an event, in the trace of the work it came from.
    pub fn from_event(event: &Event, traceparent: Option<&str>) -> Result<Self, serde_json::Error> {
        let event_type = event.payload.event_type();
        Ok(Self {
            id: event.id.to_string(),
            event_type: event_type.as_str().to_owned(),
            correlation_id: event.correlation_id.clone(),
            aggregate_version: event.aggregate_version,
            occurred_at: event.occurred_at,
            producer: event_type.producer().as_str().to_owned(),
            traceparent: traceparent.map(ToOwned::to_owned),
            body: event.payload.to_json()?,
        })
    }

    /// The event it carries.
    pub fn decode(&self) -> Result<Event, DecodeError> {
        let event_type: EventType = self.event_type.parse()?;
        Ok(Event {
            id: self.id.parse().map_err(|_| DecodeError::Attribute("id"))?,
            occurred_at: self.occurred_at,
            aggregate_version: self.aggregate_version,
            correlation_id: self.correlation_id.clone(),
            payload: Payload::from_json(event_type, &self.body)?,
        })
    }
}
