//! A message as AMQP carries it: `CloudEvents` 1.0 in binary mode.
//!
//! What others sent, or sent otherwise, is kept too: it comes out as a message whose type no handler knows and says what is
//! wrong with it, so it is parked with that reason.

use std::fmt::Write as _;

use contracts::Timestamp;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use sha2::{Digest as _, Sha256};

use crate::broker::DeadLetter;
use crate::message::{Message, without_nul};

const SPEC_VERSION: &str = "cloudEvents:specversion";
const ID: &str = "cloudEvents:id";
const TYPE: &str = "cloudEvents:type";
const SOURCE: &str = "cloudEvents:source";
const TIME: &str = "cloudEvents:time";
const AGGREGATE_VERSION: &str = "cloudEvents:aggregateversion";
const TRACEPARENT: &str = "traceparent";
/// The longest body that is taken for an event's: several times what the shop's own requests may hold.
const MAX_BODY: usize = 8 * 1024 * 1024;
/// How much is kept of a longer one, for people to see what it is.
const EXCERPT: usize = 64 * 1024;
/// 2: written to disk.
const PERSISTENT: u8 = 2;

/// The properties and headers of a message; none if an attribute is longer than the 255 bytes that AMQP has for it.
pub(super) fn properties(message: &Message) -> Option<BasicProperties> {
    let mut headers = FieldTable::default();
    let mut header = |name: &'static str, value: &str| {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
    };
    header(SPEC_VERSION, "1.0");
    header(ID, &message.id);
    header(TYPE, &message.event_type);
    header(SOURCE, &format!("/{}", message.producer));
    header(TIME, &message.occurred_at.to_string());
    header(AGGREGATE_VERSION, &message.aggregate_version.to_string());
    if let Some(traceparent) = &message.traceparent {
        header(TRACEPARENT, traceparent);
    }
    let seconds = u64::try_from(message.occurred_at.unix_seconds()).unwrap_or(0);
    Some(
        BasicProperties::default()
            .with_message_id(short(&message.id)?)
            .with_type(short(&message.event_type)?)
            .with_app_id(short(&message.producer)?)
            .with_correlation_id(short(&message.correlation_id)?)
            .with_content_type("application/json".into())
            .with_timestamp(seconds)
            .with_delivery_mode(PERSISTENT)
            .with_headers(headers),
    )
}

/// A text that AMQP may have no room for.
pub(super) fn short(text: &str) -> Option<ShortString> {
    ShortString::try_new(text).ok()
}

/// The message of a delivery, whoever sent it; every store can keep it.
pub(super) fn message(delivery: &Delivery) -> Message {
    let properties = &delivery.properties;
    let mut wrong = Wrong::default();
    let id = text(properties.message_id().as_ref());
    let id = wrong.required("message_id", id);
    let event_type = text(properties.kind().as_ref());
    let event_type = wrong.required("type", event_type);
    let correlation_id = text(properties.correlation_id().as_ref());
    let correlation_id = wrong.required("correlation_id", correlation_id);
    let producer = wrong.required("app_id", text(properties.app_id().as_ref()));
    let time = header(properties, TIME);
    let occurred_at = wrong.attribute(TIME, time, |time| time.parse().ok());
    let aggregate_version = header(properties, AGGREGATE_VERSION);
    let aggregate_version = wrong.attribute(AGGREGATE_VERSION, aggregate_version, version);
    let traceparent = header(properties, TRACEPARENT);
    let traceparent = traceparent.map(|text| wrong.kept(TRACEPARENT, text));
    // The broker checked that its sender may use the routing key, and nothing else.
    let routing_key = delivery.routing_key.as_str();
    if text(properties.kind().as_ref()).as_deref() != Some(routing_key) {
        wrong.is(format!("sent as {}", without_nul(routing_key.to_owned())));
    }
    let body = String::from_utf8(delivery.data.clone()).unwrap_or_else(|error| {
        wrong.is("not UTF-8".to_owned());
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    let body = wrong.short_enough(body);
    let body = wrong.kept("body", body);
    Message {
        id: id.unwrap_or_else(|| made_up_id(delivery)),
        event_type: wrong.told_by(event_type.unwrap_or_default()),
        correlation_id: correlation_id.unwrap_or_default(),
        aggregate_version: aggregate_version.unwrap_or(0),
        occurred_at: occurred_at.unwrap_or_else(|| sent_at(properties)),
        producer: producer.unwrap_or_default(),
        traceparent,
        body,
    }
}

/// What is wrong with a delivery.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn is(&mut self, what: String) {
        self.0.push(what);
    }

    /// A text as every store can keep it.
    fn kept(&mut self, name: &str, text: String) -> String {
        if text.contains('\0') {
            self.is(format!("NUL in {name}"));
        }
        without_nul(text)
    }

    /// A body as every store can keep it: MongoDB has documents of 16 MiB at the most.
    fn short_enough(&mut self, mut body: String) -> String {
        if body.len() > MAX_BODY {
            self.is(format!("a body of {} bytes, cut off", body.len()));
            body.truncate(body.floor_char_boundary(EXCERPT));
        }
        body
    }

    /// A property that every event has.
    fn required(&mut self, name: &str, text: Option<String>) -> Option<String> {
        if text.is_none() {
            self.is(format!("no {name}"));
        }
        text.map(|text| self.kept(name, text))
    }

    /// A header that every event has, and that may not be what it should be.
    fn attribute<T>(
        &mut self,
        name: &str,
        text: Option<String>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = text else {
            self.is(format!("no {name}"));
            return None;
        };
        let value = read(&text);
        if value.is_none() {
            self.is(format!("malformed {name}"));
        }
        value
    }

    /// The type of the message: no handler knows it if something is wrong.
    fn told_by(self, event_type: String) -> String {
        if self.0.is_empty() {
            event_type
        } else {
            format!("{event_type} ({})", self.0.join(", "))
        }
    }
}

/// Stores keep versions as signed numbers.
fn version(text: &str) -> Option<u64> {
    text.parse::<i64>().ok()?.try_into().ok()
}

/// How often the broker handed the message out before. RabbitMQ 4 counts twice: with those that went back untried, and
/// without.
pub(super) fn earlier_deliveries(properties: &BasicProperties) -> u32 {
    let counts = ["x-delivery-count", "x-acquired-count"];
    let counts = counts
        .into_iter()
        .filter_map(|name| number(properties, name));
    counts.max().unwrap_or(0)
}

/// The queue that a dead letter was in first.
pub(super) fn first_queue(properties: &BasicProperties) -> Option<String> {
    header(properties, "x-first-death-queue")
}

/// How a dead letter became one.
pub(super) fn dead_letter(properties: &BasicProperties) -> DeadLetter {
    match header(properties, "x-first-death-reason").as_deref() {
        Some("rejected") => DeadLetter::GivenUp,
        _ => DeadLetter::DeliveryLimit,
    }
}

/// The same for every delivery of the same message, so that it is parked once.
fn made_up_id(delivery: &Delivery) -> String {
    let mut hash = Sha256::new();
    hash.update(delivery.routing_key.as_str());
    hash.update([0]);
    hash.update(&delivery.data);
    let mut id = "foreign-".to_owned();
    for byte in hash.finalize() {
        // Writing to a text cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

fn sent_at(properties: &BasicProperties) -> Timestamp {
    let seconds = properties.timestamp().unwrap_or(0);
    let millis = i64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
    Timestamp::from_unix_millis(millis)
}

fn text(value: Option<&ShortString>) -> Option<String> {
    value
        .map(ToString::to_string)
        .filter(|text| !text.is_empty())
}

fn value<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    match value(properties, name)? {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn number(properties: &BasicProperties, name: &str) -> Option<u32> {
    match *value(properties, name)? {
        AMQPValue::LongLongInt(number) => number.try_into().ok(),
        AMQPValue::LongInt(number) => number.try_into().ok(),
        AMQPValue::LongUInt(number) => Some(number),
        AMQPValue::ShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::ShortShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        _ => None,
    }
}
