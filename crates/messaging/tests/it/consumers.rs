//! Consumers: one effect a message, whatever happens on the way.

mod deferred;
mod refused;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Event, ManualClock, topology};
use messaging::embedded::EmbeddedBroker;
use messaging::{
    Broker as _, ConsumerSettings, Consumers, DELIVERY_LIMIT, DeferredStats, DeferredStore as _,
    Handler, Message, Outcome, ParkedMessage,
};
use service_kit::{Lifecycle, trace_context};
use sqlite_store::StoreError;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::fixtures::{
    Store, TRACEPARENT, clock, ids, life, messages, now, sorted, until, until_the_broker_holds,
};

const QUEUE: &str = topology::PRODUCT_ORDERS;

/// What a handler does with a message at one try.
#[derive(Clone)]
enum Answer {
    Is(Outcome),
    Panics,
    /// Until the test says so.
    Waits,
}

/// Answers as told, message by message and try by try; `Done` when nothing is left to say.
#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<String, Vec<Answer>>>,
    calls: Mutex<Vec<String>>,
    traces: Mutex<Vec<Option<String>>>,
    go_on: Notify,
}

impl Script {
    fn says(&self, message: &Message, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.answers
            .lock()
            .unwrap()
            .insert(message.id.clone(), answers);
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Handler for Script {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        assert_eq!(event.id.to_string(), message.id);
        self.calls.lock().unwrap().push(message.id.clone());
        self.traces
            .lock()
            .unwrap()
            .push(trace_context::current_traceparent());
        let answer = self
            .answers
            .lock()
            .unwrap()
            .get_mut(&message.id)
            .and_then(Vec::pop);
        match answer {
            Some(Answer::Is(outcome)) => outcome,
            Some(Answer::Panics) => panic!("a bug in a handler"),
            Some(Answer::Waits) => {
                self.go_on.notified().await;
                Outcome::Done
            }
            None => Outcome::Done,
        }
    }
}

fn retry() -> Answer {
    Answer::Is(Outcome::Retry("too early".to_owned()))
}

struct Service {
    folder: TempDir,
    store: Store,
    broker: Arc<EmbeddedBroker>,
    script: Arc<Script>,
    clock: Arc<ManualClock>,
    life: Lifecycle,
}

impl Service {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let broker = EmbeddedBroker::open(&folder.path().join("broker.db"))
            .await
            .unwrap();
        broker.declare(topology::BINDINGS).await.unwrap();
        Self {
            folder,
            store: Store::open().await,
            broker,
            script: Arc::default(),
            clock: clock(),
            life: life(),
        }
    }

    async fn publish(&self, messages: &[Message]) {
        let reached = self
            .broker
            .publish(messages.to_vec())
            .await
            .unwrap()
            .reached;
        assert_eq!(sorted(reached.into_iter().collect()), sorted(ids(messages)));
    }

    fn start(&self) {
        self.start_with(ConsumerSettings::default());
    }

    fn start_with(&self, settings: ConsumerSettings) {
        Consumers::new(
            &self.life,
            self.broker.clone(),
            self.store.messages.clone(),
            self.clock.clone(),
        )
        .queue(QUEUE, self.script.clone(), settings)
        .start();
    }

    async fn until_called(&self, times: usize) -> Vec<String> {
        until("the handler to be called", async || {
            let calls = self.script.calls();
            (calls.len() >= times).then_some(calls)
        })
        .await
    }

    async fn until_the_broker_holds(&self, messages: i64) {
        until_the_broker_holds(self.folder.path(), messages).await;
    }

    async fn stats(&self) -> DeferredStats {
        self.store.messages.deferred_stats().await.unwrap()
    }

    async fn until_stats(&self, expected: DeferredStats) {
        until("messages to be deferred, parked or done", async || {
            (self.stats().await == expected).then_some(())
        })
        .await;
    }

    async fn parked(&self, message: &Message) -> ParkedMessage {
        let parked = self.store.messages.parked(None, 9).await;
        let mut parked = parked.unwrap().into_iter();
        parked
            .find(|parked| parked.message.id == message.id)
            .unwrap()
    }
}

const DEFERRED: DeferredStats = DeferredStats {
    deferred: 1,
    parked: 0,
};
const PARKED: DeferredStats = DeferredStats {
    deferred: 0,
    parked: 1,
};
const NOTHING: DeferredStats = DeferredStats {
    deferred: 0,
    parked: 0,
};

#[tokio::test]
async fn what_is_done_is_acknowledged_and_handled_once() {
    let service = Service::new().await;
    let sent = messages(500);
    service.publish(&sent).await;
    service.start();
    service.until_the_broker_holds(0).await;
    assert_eq!(sorted(service.script.calls()), sorted(ids(&sent)));
    service.life.shut_down().await.unwrap();
}

#[tokio::test]
async fn the_handler_works_in_the_messages_trace() {
    let service = Service::new().await;
    service.publish(&messages(1)).await;
    service.start();
    service.until_called(1).await;
    let traces = service.script.traces.lock().unwrap().clone();
    let trace = traces[0].as_deref().unwrap();
    assert_eq!(trace[..36], TRACEPARENT[..36], "the same trace: {trace}");
    assert_ne!(trace, TRACEPARENT, "another span");
}

#[tokio::test]
async fn what_cannot_be_done_now_is_tried_again_later_and_holds_up_no_other() {
    let service = Service::new().await;
    let sent = messages(3);
    service.script.says(&sent[0], [retry(), retry()]);
    service.publish(&sent).await;
    service.start_with(ConsumerSettings { concurrency: 1 });
    service.until_the_broker_holds(0).await;
    assert_eq!(service.script.calls(), ids(&sent));
    service.until_stats(DEFERRED).await;

    service.clock.advance(Duration::from_secs(1));
    service.until_called(4).await;
    service.clock.advance(Duration::from_secs(10));
    service.until_stats(NOTHING).await;
    let mut expected = ids(&sent);
    expected.extend([sent[0].id.clone(), sent[0].id.clone()]);
    assert_eq!(service.script.calls(), expected);
}

#[tokio::test]
async fn what_never_succeeds_is_parked_after_six_tries_and_works_after_a_replay() {
    let service = Service::new().await;
    let sent = messages(1);
    service.script.says(&sent[0], vec![retry(); 6]);
    service.publish(&sent).await;
    service.start();
    service.until_called(1).await;
    for (tries, seconds) in [(2, 1), (3, 10), (4, 60), (5, 600), (6, 3600)] {
        until("the try to be counted", async || {
            // Counted when it began, and put off now.
            let counted = "SELECT attempts FROM deferred WHERE next_at IS NOT NULL AND unended = 0";
            let db = &service.store.db;
            let attempts = db.read(move |connection| {
                Ok::<_, StoreError>(connection.query_row(counted, [], |row| row.get::<_, u32>(0))?)
            });
            (attempts.await.ok()? + 1 == tries).then_some(())
        })
        .await;
        service.clock.advance(Duration::from_secs(seconds));
        service.until_called(usize::try_from(tries).unwrap()).await;
    }
    service.until_stats(PARKED).await;
    let parked = service.parked(&sent[0]).await;
    assert_eq!((parked.attempts, parked.reason.as_str()), (6, "too early"));

    let replayed = service
        .store
        .messages
        .replay(QUEUE, &sent[0].id, now())
        .await;
    assert!(replayed.unwrap());
    service.until_stats(NOTHING).await;
    assert_eq!(service.script.calls().len(), 7);
}

#[tokio::test]
async fn what_can_never_be_done_is_parked_at_once() {
    let service = Service::new().await;
    let sent = messages(2);
    let park = Answer::Is(Outcome::Park("unknown order".to_owned()));
    service.script.says(&sent[0], [park]);
    service.publish(&sent).await;
    service.start();
    service.until_the_broker_holds(0).await;
    let expected = ParkedMessage {
        message: sent[0].clone(),
        queue: QUEUE.to_owned(),
        attempts: 1,
        reason: "unknown order".to_owned(),
        parked_at: now(),
    };
    assert_eq!(service.parked(&sent[0]).await, expected);
    assert_eq!(
        service.store.messages.deferred_stats().await.unwrap(),
        PARKED
    );
}

#[tokio::test]
async fn what_is_no_event_is_parked_with_its_reason_and_never_handled() {
    let service = Service::new().await;
    let mut poison = messages(1).remove(0);
    poison.body = "{\"order_id\":".to_owned();
    service.publish(std::slice::from_ref(&poison)).await;
    service.start();
    service.until_the_broker_holds(0).await;
    let parked = service.parked(&poison).await;
    assert_eq!(parked.message, poison);
    assert!(
        parked
            .reason
            .starts_with("undecodable: the body is not a order.cancel_requested.v1: EOF"),
        "{}",
        parked.reason
    );
    assert_eq!(service.script.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_handler_that_panics_has_failed_a_try() {
    let service = Service::new().await;
    let sent = messages(1);
    service.script.says(&sent[0], [Answer::Panics]);
    service.publish(&sent).await;
    service.start();
    service.until_the_broker_holds(0).await;
    service.until_stats(DEFERRED).await;
    service.clock.advance(Duration::from_secs(1));
    service.until_stats(NOTHING).await;
    assert_eq!(service.script.calls().len(), 2);
    assert!(!service.life.has_failed());
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_acknowledged_counted_or_parked() {
    let service = Service::new().await;
    let sent = messages(3);
    let away = Answer::Is(Outcome::Unavailable("the store is away".to_owned()));
    for message in &sent {
        service.script.says(message, vec![away.clone(); 3]);
    }
    service.publish(&sent).await;
    service.start();
    service.until_called(9).await;
    service.until_the_broker_holds(3).await;
    assert_eq!(
        service.store.messages.deferred_stats().await.unwrap(),
        NOTHING
    );
    service.until_the_broker_holds(0).await;
    assert_eq!(service.script.calls().len(), 12);
}

#[tokio::test]
async fn a_service_that_stops_while_its_store_is_away_leaves_its_messages_to_the_next() {
    let mut service = Service::new().await;
    let sent = messages(3);
    let away = Answer::Is(Outcome::Unavailable("the store is away".to_owned()));
    for message in &sent {
        service.script.says(message, vec![away.clone(); 1_000]);
    }
    service.publish(&sent).await;
    service.start();
    service.until_called(3).await;
    service.life.shut_down().await.unwrap();

    // The broker lives on, as it does when one service of `shop` is stopped and started.
    service.life = life();
    service.script = Arc::default();
    service.start();
    service.until_the_broker_holds(0).await;
    assert_eq!(sorted(service.script.calls()), sorted(ids(&sent)));
}

#[tokio::test]
async fn what_the_broker_gave_up_on_is_parked() {
    let mut service = Service::new().await;
    let sent = messages(1);
    service.publish(&sent).await;
    for _ in 0..DELIVERY_LIMIT {
        let mut subscription = service.broker.subscribe(QUEUE, 1).await.unwrap();
        let in_hand = subscription.next().await.unwrap();
        // The process dies: a copy of its files is what the next one finds.
        let left_behind = tempfile::tempdir().unwrap();
        for file in ["broker.db", "broker.db-wal"] {
            std::fs::copy(
                service.folder.path().join(file),
                left_behind.path().join(file),
            )
            .unwrap();
        }
        drop(in_hand);
        service.folder = left_behind;
        service.broker = EmbeddedBroker::open(&service.folder.path().join("broker.db"))
            .await
            .unwrap();
    }
    service.start();
    service.until_stats(PARKED).await;
    let parked = service.parked(&sent[0]).await;
    assert_eq!((&parked.message, parked.queue.as_str()), (&sent[0], QUEUE));
    assert!(
        parked.reason.starts_with("delivery_limit"),
        "{}",
        parked.reason
    );
    service.until_the_broker_holds(0).await;
    assert_eq!(service.script.calls(), Vec::<String>::new());
}
