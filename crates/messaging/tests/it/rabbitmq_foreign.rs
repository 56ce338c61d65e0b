//! Messages that are no events, sent by somebody with the administrator's rights: kept, parked, never in the way.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::Event;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use messaging::rabbitmq::EXCHANGE;
use messaging::{
    Broker as _, ConsumerSettings, Consumers, DeferredStore as _, Handler, Message, Outcome,
};

use crate::broker_contract::Bench as _;
use crate::fixtures::{Store, cancel_requested, clock, life, message_of, until};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, Rabbit};

struct Count(tokio::sync::mpsc::Sender<String>);

#[async_trait]
impl Handler for Count {
    async fn handle(&self, message: &Message, _: Event) -> Outcome {
        self.0.send(message.id.clone()).await.unwrap();
        Outcome::Done
    }
}

fn headers(entries: &[(&'static str, &str)]) -> FieldTable {
    let mut headers = FieldTable::default();
    for (name, value) in entries {
        headers.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    headers
}

#[tokio::test]
async fn a_message_that_is_no_event_is_parked_and_those_behind_it_are_handled() {
    const KEY: &str = "order.cancel_requested.v1";
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let connection = Connection::connect(rabbit.vhost.url(), ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = ConfirmSelectOptions::default();
    channel.confirm_select(options).await.unwrap();
    let named = BasicProperties::default()
        .with_message_id("1".into())
        .with_type(KEY.into())
        .with_app_id("somebody".into())
        .with_correlation_id("2".into());
    let complete = headers(&[
        ("cloudEvents:time", "2026-11-24T12:00:00Z"),
        ("cloudEvents:aggregateversion", "3"),
    ]);
    for (properties, body) in [
        (BasicProperties::default(), b"hello".as_slice()),
        (BasicProperties::default(), b"other words"),
        (named.clone(), b"{}"),
        (
            named
                .clone()
                .with_message_id("evt_no".into())
                .with_headers(complete.clone()),
            b"{}",
        ),
        (
            named
                .clone()
                .with_message_id("binary".into())
                .with_headers(complete.clone()),
            b"\xff\xfe",
        ),
        (
            named
                .with_message_id("disguised".into())
                .with_type("order.placed.v1".into())
                .with_headers(complete),
            b"{}",
        ),
    ] {
        channel
            .basic_publish(
                EXCHANGE.into(),
                KEY.into(),
                BasicPublishOptions::default(),
                body,
                properties,
            )
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let event = message_of(&cancel_requested());
    rabbit.broker.publish(vec![event.clone()]).await.unwrap();

    let (store, clock, life) = (Store::open().await, clock(), life());
    let (handled, mut arrived) = tokio::sync::mpsc::channel(10);
    Consumers::new(&life, rabbit.broker.clone(), store.messages.clone(), clock)
        .queue(QUEUE, Arc::new(Count(handled)), ConsumerSettings::default())
        .start();
    assert_eq!(arrived.recv().await, Some(event.id));
    let parked = until("all others to be parked", async || {
        let parked = store.messages.parked(None, 100).await.unwrap();
        (parked.len() == 6).then_some(parked)
    })
    .await;
    let mut reasons: Vec<_> = parked.into_iter().map(|parked| parked.reason).collect();
    reasons.sort();
    let undecodable = "undecodable: unknown event type";
    let lacking = "no cloudEvents:time, no cloudEvents:aggregateversion";
    let nameless = format!(
        "{undecodable} ` (no message_id, no type, no correlation_id, no app_id, {lacking}, sent as {KEY})`"
    );
    assert_eq!(
        reasons,
        [
            "undecodable: the event's id is malformed".to_owned(),
            nameless.clone(),
            nameless,
            format!("{undecodable} `{KEY} ({lacking})`"),
            format!("{undecodable} `{KEY} (not UTF-8)`"),
            format!("{undecodable} `order.placed.v1 (sent as {KEY})`"),
        ]
    );
    life.shut_down().await.unwrap();
}
