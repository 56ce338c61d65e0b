//! Messages that are no events, sent by somebody with the administrator's rights: kept, parked, never in the way.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::Event;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use messaging::rabbitmq::EXCHANGE;
use messaging::{Broker as _, ConsumerSettings, Consumers, Handler, Message, Outcome};

use crate::broker_contract::Bench as _;
use crate::fixtures::{Store, cancel_requested, clock, life, message_of, until};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, Rabbit};
use crate::store_contract::Bench as StoreBench;
use crate::{mongo_messages, postgres_messages};

const KEY: &str = "order.cancel_requested.v1";

/// Does the one event, and cannot do the other, for a reason that it has from somewhere.
struct Count {
    handled: tokio::sync::mpsc::Sender<String>,
    impossible: String,
}

#[async_trait]
impl Handler for Count {
    async fn handle(&self, message: &Message, _: Event) -> Outcome {
        if message.id == self.impossible {
            return Outcome::Park("they said \"\0\"".to_owned());
        }
        self.handled.send(message.id.clone()).await.unwrap();
        Outcome::Done
    }
}

const ENDLESS: usize = 17 * 1024 * 1024;

fn text(body: &'static [u8]) -> Cow<'static, [u8]> {
    Cow::Borrowed(body)
}

fn headers(entries: &[(&'static str, &str)]) -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in entries {
        headers.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    headers
}

fn aged(version: &str) -> FieldTable {
    headers(&[
        ("cloudEvents:time", "2026-11-24T12:00:00Z"),
        ("cloudEvents:aggregateversion", version),
    ])
}

/// What somebody sends, and why it is parked.
fn foreign() -> Vec<(BasicProperties, Cow<'static, [u8]>, String)> {
    let named = BasicProperties::default()
        .with_type(KEY.into())
        .with_app_id("somebody".into())
        .with_correlation_id("2".into());
    let complete = |id: &str| {
        let named = named.clone().with_message_id(id.into());
        named.with_headers(aged("3"))
    };
    let wrong = |event_type: &str, what: &str| {
        format!("undecodable: unknown event type `{event_type} ({what})`")
    };
    let lacking = "no cloudEvents:time, no cloudEvents:aggregateversion";
    let nameless =
        format!("no message_id, no type, no correlation_id, no app_id, {lacking}, sent as {KEY}");
    let traced = headers(&[
        ("cloudEvents:time", "yesterday"),
        // One more than a store can hold.
        ("cloudEvents:aggregateversion", "9223372036854775808"),
        ("traceparent", "00\0"),
    ]);
    let malformed = "malformed cloudEvents:time, malformed cloudEvents:aggregateversion";
    vec![
        (
            BasicProperties::default(),
            text(b"hello"),
            wrong("", &nameless),
        ),
        (
            BasicProperties::default(),
            text(b"other words"),
            wrong("", &nameless),
        ),
        (
            named.clone().with_message_id("1".into()),
            text(b"{}"),
            wrong(KEY, lacking),
        ),
        (
            complete("evt_no"),
            text(b"{}"),
            "undecodable: the event's id is malformed".to_owned(),
        ),
        (
            complete("binary"),
            text(b"\xff\xfe"),
            wrong(KEY, "not UTF-8"),
        ),
        (
            complete("disguised").with_type("order.placed.v1".into()),
            text(b"{}"),
            wrong("order.placed.v1", &format!("sent as {KEY}")),
        ),
        (
            complete("nought"),
            text(b"{\"a\":\"\0\"}"),
            wrong(KEY, "NUL in body"),
        ),
        (
            complete("n\0ught").with_app_id("some\0body".into()),
            text(b"{}"),
            wrong(KEY, "NUL in message_id, NUL in app_id"),
        ),
        (
            complete("unaged").with_headers(traced),
            text(b"{}"),
            wrong(KEY, &format!("{malformed}, NUL in traceparent")),
        ),
        (
            complete("oldest").with_headers(aged("9223372036854775807")),
            text(b"{}"),
            "undecodable: the event's id is malformed".to_owned(),
        ),
        (
            // In one frame, which is larger than those that services ask for.
            complete("laden").with_headers(headers(&[
                ("cloudEvents:time", "2026-11-24T12:00:00Z"),
                ("cloudEvents:aggregateversion", "3"),
                ("cloudEvents:notes", &"n".repeat(100_000)),
            ])),
            text(b"{}"),
            "undecodable: the event's id is malformed".to_owned(),
        ),
        (
            // Longer than a document of MongoDB may be.
            complete("endless"),
            vec![b'a'; ENDLESS].into(),
            wrong(KEY, &format!("a body of {ENDLESS} bytes, cut off")),
        ),
    ]
}

async fn send(rabbit: &Rabbit, foreign: &[(BasicProperties, Cow<'static, [u8]>, String)]) {
    let connection = Connection::connect(rabbit.vhost.url(), ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = ConfirmSelectOptions::default();
    channel.confirm_select(options).await.unwrap();
    for (properties, body, _) in foreign {
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish(
            EXCHANGE.into(),
            KEY.into(),
            options,
            body,
            properties.clone(),
        );
        sent.await.unwrap().await.unwrap();
    }
}

async fn what_is_no_event_is_parked_and_events_behind_it_are_handled(bench: impl StoreBench) {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let foreign = foreign();
    send(&rabbit, &foreign).await;
    let [impossible, event] = [(); 2].map(|()| message_of(&cancel_requested()));
    let events = vec![impossible.clone(), event.clone()];
    rabbit.broker.publish(events).await.unwrap();

    let (store, clock, life) = (bench.store(), clock(), life());
    let (handled, mut arrived) = tokio::sync::mpsc::channel(10);
    let count = Count {
        handled,
        impossible: impossible.id,
    };
    Consumers::new(&life, rabbit.broker.clone(), store.clone(), clock)
        .queue(QUEUE, Arc::new(count), ConsumerSettings::default())
        .start();
    assert_eq!(arrived.recv().await, Some(event.id));
    let mut expected: Vec<_> = foreign.into_iter().map(|(_, _, reason)| reason).collect();
    expected.push("they said \"\u{fffd}\"".to_owned());
    let parked = until("all others to be parked", async || {
        let parked = store.parked(None, 100).await.unwrap();
        (parked.len() == expected.len()).then_some(parked)
    })
    .await;
    let mut reasons: Vec<_> = parked.iter().map(|parked| parked.reason.clone()).collect();
    reasons.sort();
    expected.sort();
    assert_eq!(reasons, expected);
    let kept = |id: &str| {
        let mut kept = parked.iter().map(|parked| &parked.message);
        kept.find(|message| message.id == id).unwrap()
    };
    assert_eq!(kept("nought").body, "{\"a\":\"\u{fffd}\"}");
    assert_eq!(kept("n\u{fffd}ught").producer, "some\u{fffd}body");
    assert_eq!(kept("unaged").traceparent.as_deref(), Some("00\u{fffd}"));
    assert_eq!(kept("unaged").aggregate_version, 0);
    assert_eq!(kept("oldest").aggregate_version, 9_223_372_036_854_775_807);
    assert_eq!(kept("endless").body, "a".repeat(64 * 1024));
    life.shut_down().await.unwrap();
}

#[tokio::test]
async fn what_is_no_event_is_parked_in_an_embedded_store() {
    let store = Store::open().await;
    what_is_no_event_is_parked_and_events_behind_it_are_handled(store).await;
}

#[tokio::test]
async fn what_is_no_event_is_parked_in_postgresql() {
    let store = postgres_messages::Store::fresh().await;
    what_is_no_event_is_parked_and_events_behind_it_are_handled(store).await;
}

#[tokio::test]
async fn what_is_no_event_is_parked_in_mongodb() {
    let store = mongo_messages::Store::fresh().await;
    what_is_no_event_is_parked_and_events_behind_it_are_handled(store).await;
}

#[tokio::test]
async fn an_event_with_attributes_longer_than_a_frame_is_told_after_another_try() {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let mut long = message_of(&cancel_requested());
    long.traceparent = Some("0".repeat(100_000));
    let reached = until("the event to be told", async || {
        let told = rabbit.broker.publish(vec![long.clone()]).await;
        told.ok().map(|confirms| confirms.reached)
    })
    .await;
    assert_eq!(reached, [long.id].into());
}

#[tokio::test]
async fn a_batch_longer_than_all_buffers_of_a_connection_is_told() {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let mut batch: Vec<_> = (0..256).map(|_| message_of(&cancel_requested())).collect();
    for message in &mut batch {
        message.body.push_str(&" ".repeat(16 * 1024));
    }
    batch[7].body.push_str(&" ".repeat(3 * 1024 * 1024));
    let ids: HashSet<_> = batch.iter().map(|message| message.id.clone()).collect();
    let told = rabbit.broker.publish(batch).await.unwrap();
    assert_eq!(told.reached, ids);
}
