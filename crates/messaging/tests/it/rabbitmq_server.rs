//! A RabbitMQ of one's own, to be killed, starved and encrypted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use messaging::rabbitmq::RabbitBroker;
use messaging::{Broker, BrokerError, BrokerSettings, OutboxStats, OutboxStore as _, Poke};
use service_kit::settings::TlsSettings;
use service_kit::{Health, Lifecycle};
use testkit::chaos::Proxy;
use testkit::servers::{Authority, Rabbit, RabbitOptions};

use crate::fixtures::{Store, cancel_requested, clock, ids, life, messages, now, until};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, settings};

async fn declared(settings: &BrokerSettings, life: &Lifecycle) -> Arc<RabbitBroker> {
    let broker = RabbitBroker::connect(settings, "alpha", life).unwrap();
    until("the broker to be used", async || {
        broker.declare(BINDINGS).await.ok()
    })
    .await;
    broker
}

/// Waits until the server has written down which files are the queue's: RabbitMQ 3.10 does that up to a second after the
/// queue is made, and a queue that dies sooner comes back without its messages and never answers.
async fn until_settled(server: &Rabbit) {
    let register = "mnesia/test@localhost/quorum/test@localhost/names.dets";
    let register = server.folder().join(register);
    until("the queue to be on disk", async || {
        let register = std::fs::read(&register).ok()?;
        let mut names = register.windows(QUEUE.len());
        names.any(|name| name == QUEUE.as_bytes()).then_some(())
    })
    .await;
}

/// Takes so many different messages from the queue, over however many connections that takes.
async fn take(broker: &Arc<RabbitBroker>, count: usize) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let taking = async {
        while seen.len() < count {
            let Ok(mut subscription) = broker.subscribe(QUEUE, 256).await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            while seen.len() < count
                && let Ok(delivery) = subscription.next().await
            {
                seen.insert(delivery.message.id.clone());
                let _ = delivery.ack().await;
            }
        }
    };
    let all_came = tokio::time::timeout(Duration::from_mins(2), taking).await;
    assert!(all_came.is_ok(), "{} of {count} came", seen.len());
    seen
}

#[tokio::test]
async fn what_was_confirmed_survives_the_death_of_the_broker() {
    let server = Rabbit::start().await.unwrap();
    let life = life();
    let broker = declared(&settings(&server.url()), &life).await;
    until_settled(&server).await;
    let sent = messages(1_000);
    let mut confirmed = BTreeSet::new();
    for batch in sent.chunks(250) {
        confirmed.extend(broker.publish(batch.to_vec()).await.unwrap().reached);
    }
    server.kill().await.unwrap();
    let away = broker.publish(messages(1)).await.unwrap_err();
    assert!(matches!(away, BrokerError::Away(_)), "{away}");
    server.start().await.unwrap();
    assert_eq!(take(&broker, 1_000).await, confirmed);
    assert_eq!(confirmed, ids(&sent).into_iter().collect());
}

#[tokio::test]
async fn a_broker_that_is_short_of_memory_stops_those_that_publish_and_nobody_else() {
    let server = Rabbit::start().await.unwrap();
    let life = life();
    let broker = declared(&settings(&server.url()), &life).await;
    let waiting = messages(10);
    broker.publish(waiting.clone()).await.unwrap();

    let store = Store::open().await;
    let health = Health::new(&life, "0.0.0");
    messaging::spawn_relay(
        &life,
        &health,
        broker.clone(),
        store.messages.clone(),
        Poke::new(),
        clock(),
    );
    let watermark = "set_vm_memory_high_watermark";
    server
        .control(&[watermark, "absolute", "1MB"])
        .await
        .unwrap();
    let blocked = until("the broker to block", async || {
        let error = broker.publish(messages(1)).await.err()?;
        matches!(error, BrokerError::Blocked(_)).then(|| error.to_string())
    })
    .await;
    assert_eq!(
        blocked,
        "blocked: the broker takes no events at present, it says: low on memory"
    );
    let event = cancel_requested();
    store.append(&event).await;
    let pending = OutboxStats {
        pending: 1,
        oldest: Some(now()),
    };
    assert_eq!(store.messages.outbox_stats().await.unwrap(), pending);
    // What is there can be taken and acknowledged: that is what makes room.
    let taken = take(&broker, waiting.len()).await;
    assert!(taken.is_superset(&ids(&waiting).into_iter().collect()));
    // Refused at once, and nothing of it is kept for later.
    for _ in 0..100 {
        let refused = broker.publish(messages(1)).await.unwrap_err();
        assert!(matches!(refused, BrokerError::Blocked(_)), "{refused}");
    }
    assert_eq!(store.messages.outbox_stats().await.unwrap(), pending);

    server
        .control(&[watermark, "absolute", "1GB"])
        .await
        .unwrap();
    until("the event to be told", async || {
        let stats = store.messages.outbox_stats().await.unwrap();
        (stats == OutboxStats::default()).then_some(())
    })
    .await;
    let told = until("the event to be heard", async || {
        let told = take(&broker, 1).await;
        told.contains(&event.id.to_string()).then_some(told)
    })
    .await;
    assert!(told.len() <= 2, "{told:?}");
    life.shut_down().await.unwrap();
}

#[tokio::test]
async fn the_connection_can_be_encrypted_and_only_a_trusted_broker_is_talked_to() {
    let options = RabbitOptions {
        tls: Some(Authority::new().unwrap()),
        ..RabbitOptions::default()
    };
    let server = Rabbit::start_with(&options).await.unwrap();
    let trusting = BrokerSettings {
        tls: TlsSettings {
            ca_file: server.folder().join("ca.pem"),
            ..TlsSettings::default()
        },
        ..settings(&server.tls_url())
    };
    let broker = declared(&trusting, &life()).await;
    assert_eq!(broker.publish(messages(3)).await.unwrap().reached.len(), 3);

    let broker = RabbitBroker::connect(&settings(&server.tls_url()), "alpha", &life()).unwrap();
    let distrust = broker.publish(messages(1)).await.unwrap_err().to_string();
    assert!(distrust.contains("certificate"), "{distrust}");
}

#[tokio::test]
async fn a_broker_that_asks_for_a_certificate_is_shown_that_of_the_service() {
    let options = RabbitOptions {
        tls: Some(Authority::new().unwrap()),
        settings: vec![
            "ssl_options.verify = verify_peer".to_owned(),
            "ssl_options.fail_if_no_peer_cert = true".to_owned(),
        ],
    };
    let server = Rabbit::start_with(&options).await.unwrap();
    let nameless = BrokerSettings {
        tls: TlsSettings {
            ca_file: server.folder().join("ca.pem"),
            ..TlsSettings::default()
        },
        ..settings(&server.tls_url())
    };
    // One of the same authority; the server has no other.
    let known = BrokerSettings {
        tls: TlsSettings {
            certificate_file: server.folder().join("certificate.pem"),
            key_file: server.folder().join("key.pem"),
            ..nameless.tls.clone()
        },
        ..nameless.clone()
    };
    let broker = declared(&known, &life()).await;
    assert_eq!(broker.publish(messages(3)).await.unwrap().reached.len(), 3);

    let broker = RabbitBroker::connect(&nameless, "alpha", &life()).unwrap();
    let refused = broker.publish(messages(1)).await.unwrap_err();
    assert!(matches!(refused, BrokerError::Away(_)), "{refused}");
}

#[tokio::test]
async fn a_broker_that_dies_again_and_again_loses_nothing_that_the_outbox_has() {
    const EVENTS: usize = 300;
    let server = Rabbit::start().await.unwrap();
    let proxy = Proxy::before(&server.url()).await.unwrap();
    let life = life();
    let broker = declared(&settings(&proxy.url()), &life).await;
    until_settled(&server).await;
    let store = Store::open().await;
    let poke = Poke::new();
    messaging::spawn_relay(
        &life,
        &Health::new(&life, "0.0.0"),
        broker.clone(),
        store.messages.clone(),
        poke.clone(),
        clock(),
    );
    let mut told = BTreeSet::new();
    for number in 0..EVENTS {
        let event = cancel_requested();
        store.append(&event).await;
        told.insert(event.id.to_string());
        poke.poke();
        if number % 60 == 30 {
            proxy.reset();
        }
        if number == EVENTS / 2 {
            server.kill().await.unwrap();
            server.start().await.unwrap();
        }
    }
    assert_eq!(take(&broker, EVENTS).await, told);
    until("the outbox to be empty", async || {
        let stats = store.messages.outbox_stats().await.unwrap();
        (stats == OutboxStats::default()).then_some(())
    })
    .await;
    life.shut_down().await.unwrap();
}
