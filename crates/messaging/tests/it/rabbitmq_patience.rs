//! A store that is away for longer than RabbitMQ lets a consumer hold messages (`consumer_timeout`, half an hour unless set).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contracts::Event;
use messaging::rabbitmq::RabbitBroker;
use messaging::{
    Broker as _, ConsumerSettings, Consumers, DeferredStats, DeferredStore as _, Handler, Message,
    Outcome,
};
use testkit::servers::{Rabbit, RabbitOptions};

use crate::fixtures::{Store, clock, ids, life, messages, until};
use crate::rabbitmq_bench::{BINDINGS, QUEUE, admin_of, settings};

/// On a store that is away at first.
#[derive(Default)]
struct Patient {
    is_back: AtomicBool,
    done: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Handler for Patient {
    async fn handle(&self, message: &Message, _: Event) -> Outcome {
        if !self.is_back.load(Ordering::SeqCst) {
            return Outcome::Unavailable("the store is away".to_owned());
        }
        self.done.lock().unwrap().insert(message.id.clone());
        Outcome::Done
    }
}

#[tokio::test]
async fn a_store_that_is_away_for_longer_than_rabbitmq_waits_loses_and_parks_nothing() {
    let options = RabbitOptions {
        settings: vec!["consumer_timeout = 1000".to_owned()],
        ..RabbitOptions::default()
    };
    let server = Rabbit::start_with(&options).await.unwrap();
    // How often a channel looks whether it is over; once a minute unless set.
    let look = "application:set_env(rabbit, channel_tick_interval, 200).";
    server.control(&["eval", look]).await.unwrap();
    let (life, store) = (life(), Store::open().await);
    let broker = RabbitBroker::connect(&settings(&server.url()), "alpha", &life).unwrap();
    until("the broker to be used", async || {
        broker.declare(BINDINGS).await.ok()
    })
    .await;
    let sent = messages(3);
    assert_eq!(broker.publish(sent.clone()).await.unwrap().reached.len(), 3);
    let handler = Arc::new(Patient::default());
    let tables = store.messages.clone();
    Consumers::new(&life, broker.clone(), tables, clock())
        .queue(QUEUE, handler.clone(), ConsumerSettings::default())
        .start();
    until("RabbitMQ to lose its patience three times", async || {
        let log = server.log();
        let lost = log.matches("has timed out waiting").count();
        (lost >= 3).then_some(())
    })
    .await;
    handler.is_back.store(true, Ordering::SeqCst);

    let admin = admin_of(&server.api_url());
    until("all messages to be acknowledged", async || {
        let all_done = *handler.done.lock().unwrap() == ids(&sent).into_iter().collect();
        let queue = admin.queue("/", QUEUE).await.unwrap().unwrap();
        (all_done && queue.messages == 0).then_some(())
    })
    .await;
    let stats = store.messages.deferred_stats().await.unwrap();
    assert_eq!(stats, DeferredStats::default());
    life.shut_down().await.unwrap();
}
