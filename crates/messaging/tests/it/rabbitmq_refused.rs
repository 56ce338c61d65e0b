//! What RabbitMQ does not take (`basic.nack`) is told again, also if no service of this project hears it.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use messaging::rabbitmq::EXCHANGE;
use messaging::{Broker as _, Confirms, Poke, spawn_relay};
use service_kit::{Health, Metrics};
use tower::ServiceExt as _;

use crate::broker_contract::Bench as _;
use crate::fixtures::{Store, clock, life, message_of, unheard, until};
use crate::rabbitmq_bench::{BINDINGS, Rabbit};

/// Somebody else's queue that hears everything, and takes one message at a time.
const STRANGER: &str = "stranger";

async fn stranger(rabbit: &Rabbit) -> (Connection, Channel) {
    let url = rabbit.vhost.url();
    let connection = Connection::connect(url, ConnectionProperties::default()).await;
    let connection = connection.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert(
        "x-overflow".into(),
        AMQPValue::LongString("reject-publish".into()),
    );
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel.queue_declare(STRANGER.into(), options, arguments);
    queue.await.unwrap();
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    let bound = channel.queue_bind(
        STRANGER.into(),
        EXCHANGE.into(),
        "#".into(),
        options,
        arguments,
    );
    bound.await.unwrap();
    (connection, channel)
}

async fn next_id(channel: &Channel) -> Option<String> {
    let options = BasicGetOptions { no_ack: true };
    let got = channel.basic_get(STRANGER.into(), options).await.unwrap()?;
    Some(got.delivery.properties.message_id().as_ref()?.to_string())
}

#[tokio::test]
async fn what_the_broker_refuses_is_told_again_also_if_none_of_our_services_hears_it() {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let (_connection, channel) = stranger(&rabbit).await;
    let (filling, waiting) = (message_of(&unheard()), unheard());
    let id = waiting.id.to_string();
    let taken = rabbit.broker.publish(vec![filling.clone()]).await.unwrap();
    assert_eq!(taken.reached, HashSet::from([filling.id.clone()]));
    let refused = rabbit.broker.publish(vec![message_of(&waiting)]).await;
    let expected = Confirms {
        reached: HashSet::new(),
        refused: HashSet::from([id.clone()]),
    };
    assert_eq!(refused.unwrap(), expected);

    let (store, life, clock, poke) = (Store::open().await, life(), clock(), Poke::new());
    let health = Health::new(&life, "0.0.0");
    let admin = health.admin_router(Metrics::install());
    store.append(&waiting).await;
    let broker = rabbit.broker.clone();
    spawn_relay(
        &life,
        &health,
        broker,
        store.messages.clone(),
        poke.clone(),
        clock.clone(),
    );
    until("the relay to be refused", async || {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let response = admin.clone().oneshot(request).await.unwrap();
        let page = response.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8_lossy(&page).into_owned();
        page.contains("shop_refused_events_total").then_some(())
    })
    .await;
    let purged = channel.queue_purge(STRANGER.into(), QueuePurgeOptions::default());
    purged.await.unwrap();
    let told = until("the event to be told again", async || {
        clock.advance(Duration::from_secs(1));
        poke.poke();
        next_id(&channel).await
    })
    .await;
    assert_eq!(told, id);
    life.shut_down().await.unwrap();
}
