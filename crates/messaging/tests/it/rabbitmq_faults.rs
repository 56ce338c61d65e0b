//! What RabbitMQ does to its clients, and what people do to RabbitMQ.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use messaging::rabbitmq::{EXCHANGE, RabbitBroker};
use messaging::{
    Broker, BrokerError, BrokerSettings, Delivery, Poke, Subscription, dead_letters_of, spawn_relay,
};
use service_kit::{Health, Metrics};
use testkit::chaos::Direction;
use tower::ServiceExt as _;

use crate::broker_contract::Bench as _;
use crate::fixtures::{
    Store, cancel_requested, clock, ids, life, message_of, messages, sorted, unheard, until,
};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, Rabbit, settings};

async fn declared() -> Rabbit {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    rabbit
}

async fn next(subscription: &mut Subscription) -> Delivery {
    let patience = Duration::from_mins(1);
    tokio::time::timeout(patience, subscription.next())
        .await
        .expect("a delivery comes")
        .unwrap()
}

/// Publishes until the broker takes it, as the relay does.
async fn publish(rabbit: &Rabbit, batch: &[messaging::Message]) {
    until("the broker to take events", async || {
        let reached = rabbit.broker.publish(batch.to_vec()).await.ok()?.reached;
        (reached.len() == batch.len()).then_some(())
    })
    .await;
}

async fn subscribe(rabbit: &Rabbit) -> Subscription {
    until("the broker to hand events out", async || {
        rabbit.broker.subscribe(QUEUE, 1_000).await.ok()
    })
    .await
}

async fn trouble_of(broker: &RabbitBroker) -> String {
    until("the broker to be in trouble", async || {
        let trouble = broker.trouble()?.to_string();
        (trouble != "not connected yet").then_some(trouble)
    })
    .await
}

#[tokio::test]
async fn what_was_returned_is_told_from_what_was_confirmed_in_a_mixed_batch() {
    let rabbit = declared().await;
    let batch: Vec<_> = (0..2_000)
        .map(|number| match number % 2 {
            0 => message_of(&cancel_requested()),
            _ => message_of(&unheard()),
        })
        .collect();
    let heard = batch.iter().step_by(2).map(|message| message.id.clone());
    let heard: BTreeSet<_> = heard.collect();
    for _ in 0..5 {
        let reached = rabbit.broker.publish(batch.clone()).await.unwrap().reached;
        assert_eq!(reached.into_iter().collect::<BTreeSet<_>>(), heard);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_plainly_and_tried_again() {
    let rabbit = Rabbit::fresh().await;
    let wrong = BrokerSettings {
        username: "guest".to_owned(),
        password: "wrong".into(),
        ..settings(rabbit.vhost.url())
    };
    let broker = RabbitBroker::connect(&wrong, "alpha", &life()).unwrap();
    let trouble = trouble_of(&broker).await;
    assert!(
        trouble.ends_with("refuses user `guest`: the user name or the password is wrong"),
        "{trouble}"
    );
    let refused = broker.publish(messages(1)).await.unwrap_err();
    assert!(matches!(refused, BrokerError::Refused(_)), "{refused}");
}

#[tokio::test]
async fn a_vhost_that_does_not_exist_is_told_plainly_and_used_once_it_does() {
    let rabbit = Rabbit::fresh().await;
    let (name, admin) = (format!("{}_later", rabbit.vhost.name()), rabbit.admin());
    let url = rabbit.vhost.url().replace(rabbit.vhost.name(), &name);
    let broker = RabbitBroker::connect(&settings(&url), "alpha", &life()).unwrap();
    let trouble = trouble_of(&broker).await;
    assert!(
        trouble.contains(&format!("refuses user `guest` on vhost `{name}`")),
        "{trouble}"
    );
    admin.make_vhost(&name).await.unwrap();
    admin.grant_all(&name, "guest").await.unwrap();
    until("the broker to be used", async || {
        broker.trouble().is_none().then_some(())
    })
    .await;
    broker.close().await;
    admin.delete_vhost(&name).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_away_at_the_start_is_used_when_it_comes() {
    let rabbit = Rabbit::fresh().await;
    rabbit.proxy.cut_off().await;
    let broker = RabbitBroker::connect(&settings(&rabbit.proxy.url()), "alpha", &life()).unwrap();
    let trouble = trouble_of(&broker).await;
    assert!(trouble.contains("is away: "), "{trouble}");
    rabbit.proxy.pass().await.unwrap();
    until("the broker to be used", async || {
        broker.declare(BINDINGS).await.ok()
    })
    .await;
    assert_eq!(broker.publish(messages(3)).await.unwrap().reached.len(), 3);
}

#[tokio::test]
async fn a_service_with_nothing_to_tell_says_that_its_broker_is_away() {
    let rabbit = declared().await;
    let (store, life) = (Store::open().await, life());
    let health = Health::new(&life, "0.0.0");
    let report = health.admin_router(Metrics::install());
    let report = async || {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        let response = report.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["details"]["broker"].clone()
    };
    let poke = Poke::new();
    spawn_relay(
        &life,
        &health,
        rabbit.broker.clone(),
        store.messages.clone(),
        poke.clone(),
        clock(),
    );
    until("the broker to be fine", async || {
        poke.poke();
        (report().await == serde_json::json!({"status": "ok"})).then_some(())
    })
    .await;
    rabbit.proxy.cut_off().await;
    let reason = until("the broker to be away", async || {
        poke.poke();
        report().await["reason"].as_str().map(ToOwned::to_owned)
    })
    .await;
    assert!(reason.contains("is away: "), "{reason}");
    life.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_reset_is_made_anew_and_nothing_is_lost() {
    let rabbit = declared().await;
    let sent = messages(10);
    publish(&rabbit, &sent).await;
    let mut subscription = subscribe(&rabbit).await;
    let in_hand = next(&mut subscription).await;
    rabbit.proxy.reset();
    assert!(!matches!(in_hand.ack().await, Ok(true)));
    let ended = tokio::time::timeout(Duration::from_mins(1), async {
        while let Ok(delivery) = subscription.next().await {
            drop(delivery);
        }
    });
    ended.await.expect("the consumer hears of it");
    let more = messages(10);
    publish(&rabbit, &more).await;
    let mut subscription = subscribe(&rabbit).await;
    let mut seen = Vec::new();
    while seen.len() < 20 {
        let delivery = next(&mut subscription).await;
        seen.push(delivery.message.id.clone());
        assert!(delivery.ack().await.unwrap());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, sorted(ids(&[sent, more].concat())));
}

#[tokio::test]
async fn a_broker_that_falls_silent_counts_as_gone() {
    let rabbit = Rabbit::fresh().await;
    rabbit.proxy.black_hole(Direction::ToClient);
    let quick = BrokerSettings {
        connect_timeout_ms: 3_000,
        ..settings(&rabbit.proxy.url())
    };
    let broker = RabbitBroker::connect(&quick, "alpha", &life()).unwrap();
    let trouble = trouble_of(&broker).await;
    assert!(trouble.ends_with("does not answer within 3s"), "{trouble}");
    // Every try that is given up ends its socket; only those of the bench, which hears nothing either, stay for a while.
    rabbit.proxy.pass().await.unwrap();
    until("the broker to be used", async || {
        broker.declare(BINDINGS).await.ok()
    })
    .await;
}

/// The connection stands, as far as TCP knows, and nothing at all arrives any more: only heartbeats tell.
#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up_after_three_heartbeats_and_made_anew() {
    const HEARTBEAT: Duration = Duration::from_secs(5);
    let rabbit = declared().await;
    let patient = BrokerSettings {
        heartbeat_s: HEARTBEAT.as_secs(),
        // Nobody asks the broker anything, so no question without an answer ends the connection before.
        topology_check_ms: 3_600_000,
        answer_timeout_ms: 3_600_000,
        ..settings(&rabbit.proxy.url())
    };
    let broker = RabbitBroker::connect(&patient, "alpha", &life()).unwrap();
    let mut subscription = until("the broker to hand events out", async || {
        broker.subscribe(QUEUE, 10).await.ok()
    })
    .await;
    rabbit.proxy.black_hole(Direction::Both);
    let silent_since = Instant::now();
    let ended = tokio::time::timeout(Duration::from_mins(1), subscription.next()).await;
    assert!(ended.expect("the consumer hears of it").is_err());
    let noticed = silent_since.elapsed();
    assert!(noticed >= HEARTBEAT, "{noticed:?}");
    assert!(noticed <= HEARTBEAT * 3, "{noticed:?}");

    rabbit.proxy.pass().await.unwrap();
    let mut subscription = until("the connection to be made anew", async || {
        broker.subscribe(QUEUE, 10).await.ok()
    })
    .await;
    let sent = messages(1);
    until("the broker to take events", async || {
        let reached = broker.publish(sent.clone()).await.ok()?.reached;
        (reached.len() == 1).then_some(())
    })
    .await;
    assert_eq!(next(&mut subscription).await.message, sent[0]);
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_made_again() {
    let rabbit = declared().await;
    let mut subscription = subscribe(&rabbit).await;
    rabbit
        .admin()
        .delete_queue(rabbit.vhost.name(), QUEUE)
        .await
        .unwrap();
    let ended = tokio::time::timeout(Duration::from_mins(1), subscription.next()).await;
    assert!(ended.expect("the consumer hears of it").is_err());
    let mut subscription = subscribe(&rabbit).await;
    let sent = messages(1);
    publish(&rabbit, &sent).await;
    assert_eq!(next(&mut subscription).await.message, sent[0]);
}

#[tokio::test]
async fn an_exchange_that_is_deleted_is_made_again_with_every_services_bindings() {
    let rabbit = declared().await;
    let other = rabbit.replica().await;
    other.broker.declare(BINDINGS).await.unwrap();
    let mut subscription = subscribe(&rabbit).await;
    publish(&rabbit, &messages(1)).await;
    assert!(next(&mut subscription).await.ack().await.unwrap());
    rabbit
        .admin()
        .delete_exchange(rabbit.vhost.name(), EXCHANGE)
        .await
        .unwrap();
    let sent = messages(5);
    publish(&rabbit, &sent).await;
    let mut seen = Vec::new();
    while seen.len() < sent.len() {
        let delivery = next(&mut subscription).await;
        seen.push(delivery.message.id.clone());
        assert!(delivery.ack().await.unwrap());
    }
    assert_eq!(sorted(seen), sorted(ids(&sent)));
}

#[tokio::test]
async fn bindings_come_back_although_another_service_has_made_the_exchange_anew() {
    let rabbit = declared().await;
    rabbit.proxy.cut_off().await;
    let (admin, vhost) = (rabbit.admin(), rabbit.vhost.name());
    admin.delete_exchange(vhost, EXCHANGE).await.unwrap();
    let other = RabbitBroker::connect(&settings(rabbit.vhost.url()), "beta", &life()).unwrap();
    until("the exchange to be there", async || {
        other.trouble().is_none().then_some(())
    })
    .await;
    rabbit.proxy.pass().await.unwrap();
    let sent = messages(1);
    until("the event to reach the queue", async || {
        let reached = other.publish(sent.clone()).await.ok()?.reached;
        (!reached.is_empty()).then_some(())
    })
    .await;
    let mut subscription = subscribe(&rabbit).await;
    assert_eq!(next(&mut subscription).await.message, sent[0]);
}

#[tokio::test]
async fn a_consumer_that_stops_gives_back_what_it_has_not_begun() {
    let rabbit = declared().await;
    publish(&rabbit, &messages(10)).await;
    let mut stopping = subscribe(&rabbit).await;
    let in_hand = next(&mut stopping).await;
    let other = rabbit.replica().await;
    let mut subscription = subscribe(&other).await;
    drop(stopping);
    let mut seen = Vec::new();
    for _ in 0..9 {
        let delivery = next(&mut subscription).await;
        seen.push(delivery.message.id.clone());
        assert!(delivery.ack().await.unwrap());
    }
    assert!(!seen.contains(&in_hand.message.id));
    assert!(in_hand.ack().await.unwrap(), "what is in hand is finished");
    until("the queue to be empty", async || {
        let queue = rabbit.admin().queue(rabbit.vhost.name(), QUEUE).await;
        (queue.unwrap()?.messages == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn queues_are_made_so_that_nothing_is_dropped() {
    let rabbit = declared().await;
    let (admin, vhost) = (rabbit.admin(), rabbit.vhost.name());
    let queue = admin.queue(vhost, QUEUE).await.unwrap().unwrap();
    assert_eq!(queue.kind, "quorum");
    assert_eq!(
        queue.arguments,
        serde_json::json!({
            "x-queue-type": "quorum",
            "x-delivery-limit": 19,
            "x-dead-letter-exchange": "alpha.dead-letters",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        })
    );
    let dead_letters = dead_letters_of(QUEUE);
    let queue = admin.queue(vhost, &dead_letters).await.unwrap().unwrap();
    assert_eq!(
        queue.arguments,
        serde_json::json!({"x-queue-type": "quorum", "x-delivery-limit": 1_000_000_000})
    );
}

#[tokio::test]
async fn a_closed_broker_leaves_no_connection_behind() {
    let rabbit = declared().await;
    publish(&rabbit, &messages(1)).await;
    assert_eq!(rabbit.proxy.live(), 2);
    Arc::clone(&rabbit.broker).close().await;
    until("the connections to end", async || {
        (rabbit.proxy.live() == 0).then_some(())
    })
    .await;
}
