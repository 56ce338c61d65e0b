//! Messages that a store refuses to keep, for good or until somebody mends it: out of the way, and not lost.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use contracts::{Event, topology};
use messaging::embedded::EmbeddedBroker;
use messaging::{
    Broker as _, ConsumerSettings, Consumers, DeferredStats, Handler, Message, Outcome,
};

use super::Bench;
use crate::fixtures::{clock, ids, life, messages, now, until, until_the_broker_holds};

const QUEUE: &str = topology::PRODUCT_ORDERS;
/// How often a message is tried, deferred or not.
const TRIES: usize = 6;

/// Does all messages but one, of which it always says the same.
struct AllButOne {
    one: String,
    says: Outcome,
    calls: Mutex<Vec<String>>,
}

#[async_trait]
impl Handler for AllButOne {
    async fn handle(&self, message: &Message, _: Event) -> Outcome {
        self.calls.lock().unwrap().push(message.id.clone());
        if message.id == self.one {
            return self.says.clone();
        }
        Outcome::Done
    }
}

async fn a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(
    bench: &impl Bench,
    says: Outcome,
) {
    let (store, sent) = (bench.store(), messages(3));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broker.db");
    let broker = EmbeddedBroker::open(&path).await.unwrap();
    broker.declare(topology::BINDINGS).await.unwrap();
    broker.publish(sent.clone()).await.unwrap();
    bench.refuse(Some(&sent[0].id)).await;
    let handler = Arc::new(AllButOne {
        one: sent[0].id.clone(),
        says,
        calls: Mutex::default(),
    });
    let life = life();
    Consumers::new(&life, broker, store.clone(), clock())
        .queue(QUEUE, handler.clone(), ConsumerSettings { concurrency: 1 })
        .start();
    let mut expected = vec![sent[0].id.clone(); TRIES];
    expected.extend(ids(&sent[1..]));
    let calls = || handler.calls.lock().unwrap().clone();
    until("all messages to be handled", async || {
        (calls().len() >= expected.len()).then_some(())
    })
    .await;
    assert_eq!(calls(), expected);
    // The broker has it until the store keeps it.
    until_the_broker_holds(folder.path(), 1).await;
    let nothing = DeferredStats::default();
    assert_eq!(store.deferred_stats().await.unwrap(), nothing);

    bench.refuse(None).await;
    until_the_broker_holds(folder.path(), 0).await;
    let parked = store.parked_message(QUEUE, &sent[0].id).await.unwrap();
    let parked = parked.unwrap();
    assert_eq!(parked.message, sent[0]);
    assert!(parked.reason.starts_with("given_up"), "{}", parked.reason);
    assert_eq!(calls(), expected);
    life.shut_down().await.unwrap();
}

pub async fn a_message_that_the_store_refuses_to_defer_ends_and_those_behind_it_are_handled(
    bench: impl Bench,
) {
    let retry = Outcome::Retry("too early".to_owned());
    a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(&bench, retry).await;
}

pub async fn a_message_that_the_store_refuses_to_park_ends_and_those_behind_it_are_handled(
    bench: impl Bench,
) {
    let park = Outcome::Park("unknown order".to_owned());
    a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(&bench, park).await;
}

pub async fn what_a_store_refuses_is_no_outage_and_concerns_no_other_message(bench: impl Bench) {
    let (store, sent) = (bench.store(), messages(2));
    bench.refuse(Some(&sent[0].id)).await;
    for message in &sent {
        let is_refused = message == &sent[0];
        let deferred = store.defer(QUEUE, message.clone(), "r", now()).await;
        let parked = store.park(QUEUE, message.clone(), "r", now()).await;
        for kept in [deferred, parked] {
            match kept {
                Ok(()) => assert!(!is_refused),
                Err(error) => assert!(is_refused && !error.is_away(), "{error:?}"),
            }
        }
    }
    let kept = DeferredStats {
        deferred: 0,
        parked: 1,
    };
    assert_eq!(store.deferred_stats().await.unwrap(), kept);
}
