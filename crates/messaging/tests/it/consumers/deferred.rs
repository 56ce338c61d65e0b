//! Deferred messages: tried again, alone where that is needed, and parked only for what they did themselves.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Clock as _, Event};
use messaging::{ConsumerSettings, Consumers, DeferredStore as _, Handler, Message, Outcome};
use sqlite_store::StoreError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Answer, DEFERRED, NOTHING, PARKED, QUEUE, Service, retry};
use crate::fixtures::{cancel_requested, ids, life, message_of, messages, now, until};

#[tokio::test]
async fn while_the_store_is_away_tries_of_deferred_messages_are_not_counted() {
    let service = Service::new().await;
    let message = message_of(&cancel_requested());
    let away = Answer::Is(Outcome::Unavailable("the store is away".to_owned()));
    service.script.says(&message, vec![away; 20]);
    let store = &service.store.messages;
    store
        .defer(QUEUE, message.clone(), "too early", now())
        .await
        .unwrap();
    service.start();
    until("the store to be back", async || {
        service.clock.advance(Duration::from_secs(1));
        let stats = store.deferred_stats().await.unwrap();
        assert_eq!(stats.parked, 0);
        (stats == NOTHING).then_some(())
    })
    .await;
    assert_eq!(service.script.calls().len(), 21);
}

#[tokio::test]
async fn a_deferred_message_that_kills_the_process_is_parked_after_six_tries_and_no_other_is() {
    let service = Service::new().await;
    let sent = messages(3);
    let store = &service.store.messages;
    for message in &sent {
        store
            .defer(QUEUE, message.clone(), "too early", now())
            .await
            .unwrap();
    }
    // All are in hand when the process dies for the first time; then each suspect is alone.
    assert_eq!(store.due(now(), 16).await.unwrap().len(), 3);
    service.clock.advance(Duration::from_mins(2));
    for _ in 0..4 {
        while let Some(suspect) = store.suspect(service.clock.now()).await.unwrap() {
            if suspect.message.id != sent[1].id {
                store.resolve(&suspect).await.unwrap();
            }
        }
        service.clock.advance(Duration::from_mins(2));
    }
    service.start();
    service.until_stats(PARKED).await;
    let parked = service.parked(&sent[1]).await;
    assert!(
        parked.reason.contains("may kill the process"),
        "{}",
        parked.reason
    );
    assert_eq!(service.script.calls(), Vec::<String>::new());
}

/// A message at its last try, which came to no end: the process died, or the store was away when it should have been told.
async fn cut_short_at_its_last_try(service: &Service) -> Message {
    let message = message_of(&cancel_requested());
    let store = &service.store.messages;
    store
        .defer(QUEUE, message.clone(), "too early", now())
        .await
        .unwrap();
    for _ in 2..6 {
        let due = store.due(now(), 1).await.unwrap().remove(0);
        store.reschedule(&due, "too early", now()).await.unwrap();
    }
    let last = store.due(now(), 1).await.unwrap().remove(0);
    assert_eq!(last.attempts, 6);
    service.clock.advance(Duration::from_mins(2));
    message
}

#[tokio::test]
async fn a_message_whose_last_try_was_cut_short_by_an_outage_is_tried_once_more() {
    let service = Service::new().await;
    let message = cut_short_at_its_last_try(&service).await;
    service.start();
    service.until_stats(NOTHING).await;
    assert_eq!(service.script.calls(), [message.id]);
}

#[tokio::test]
async fn a_message_whose_last_try_was_cut_short_is_parked_for_what_its_next_one_said() {
    let service = Service::new().await;
    let message = cut_short_at_its_last_try(&service).await;
    service.script.says(&message, [retry()]);
    service.start();
    service.until_stats(PARKED).await;
    let parked = service.parked(&message).await;
    assert_eq!((parked.attempts, parked.reason.as_str()), (7, "too early"));
}

#[tokio::test]
async fn only_three_tries_alone_without_an_end_make_a_killer() {
    let service = Service::new().await;
    let message = cut_short_at_its_last_try(&service).await;
    let store = &service.store.messages;
    for _ in 0..2 {
        store.suspect(service.clock.now()).await.unwrap().unwrap();
        service.clock.advance(Duration::from_mins(2));
    }
    let away = Answer::Is(Outcome::Unavailable("the store is away".to_owned()));
    service.script.says(&message, [away, Answer::Waits]);
    service.start();
    service.until_called(1).await;
    // It was given back, and is tried alone again.
    until("the second call", async || {
        service.clock.advance(Duration::from_secs(1));
        (service.script.calls().len() == 2).then_some(())
    })
    .await;
    // As if this process died now.
    let next = Service {
        script: Arc::default(),
        life: life(),
        ..service
    };
    next.clock.advance(Duration::from_mins(2));
    next.start();
    next.until_stats(PARKED).await;
    let parked = next.parked(&message).await;
    assert!(
        parked.reason.contains("may kill the process"),
        "{}",
        parked.reason
    );
    assert_eq!(next.script.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_deferred_message_whose_end_the_store_refuses_stops_no_other() {
    let service = Service::new().await;
    let sent = messages(2);
    let store = &service.store.messages;
    let defer = async |message: &Message| {
        let at = service.clock.now();
        let deferred = store.defer(QUEUE, message.clone(), "too early", at);
        deferred.await.unwrap();
    };
    defer(&sent[0]).await;
    // A suspect: nothing else is tried beside it.
    store.due(now(), 1).await.unwrap();
    service.clock.advance(Duration::from_mins(2));
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON deferred WHEN NEW.unended = 0
        BEGIN SELECT RAISE(ABORT, 'refused for good'); END";
    let refuse = service.store.db.write(move |connection| {
        connection.execute_batch(refuse)?;
        Ok::<_, StoreError>(())
    });
    refuse.await.unwrap();
    service.script.says(&sent[0], [retry()]);
    service.start();
    service.until_called(1).await;
    defer(&sent[1]).await;
    service.until_stats(DEFERRED).await;
    assert_eq!(service.script.calls(), ids(&sent));
}

#[tokio::test]
async fn a_slow_deferred_message_holds_up_no_other_but_those_that_are_to_be_alone() {
    let service = Service::new().await;
    let sent = messages(4);
    let store = &service.store.messages;
    let defer = async |message: &Message| {
        let at = service.clock.now();
        let deferred = store.defer(QUEUE, message.clone(), "too early", at);
        deferred.await.unwrap();
    };
    defer(&sent[3]).await;
    store.due(now(), 1).await.unwrap();
    defer(&sent[0]).await;
    service.script.says(&sent[0], [Answer::Waits]);
    service.start();
    service.until_called(1).await;
    service.clock.advance(Duration::from_mins(2));
    for (message, calls) in sent[1..3].iter().zip(2..) {
        defer(message).await;
        assert_eq!(service.until_called(calls).await, ids(&sent[..calls]));
    }
    service.script.go_on.notify_one();
    service.until_stats(NOTHING).await;
    assert_eq!(service.script.calls(), ids(&sent));
}

/// Lets messages in, and says how many came; none is done before the gate is open.
struct Gate {
    came: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

#[async_trait]
impl Handler for Gate {
    async fn handle(&self, _: &Message, _: Event) -> Outcome {
        let mut open = self.open.subscribe();
        self.came.send_modify(|came| *came += 1);
        open.wait_for(|open| *open).await.unwrap();
        Outcome::Done
    }
}

/// Stops tokio's clock, which is paused already and goes on by itself while nothing else does, until this is dropped or a
/// minute has passed.
fn frozen() -> mpsc::Sender<()> {
    let (frozen, ended) = mpsc::channel();
    tokio::task::spawn_blocking(move || ended.recv_timeout(Duration::from_mins(1)));
    frozen
}

#[tokio::test(start_paused = true)]
async fn many_deferred_messages_are_tried_sixteen_at_a_time_without_a_pause() {
    const MESSAGES: usize = 480;
    let service = Service::new().await;
    for message in messages(MESSAGES) {
        let deferred = service.store.messages.defer(QUEUE, message, "r", now());
        deferred.await.unwrap();
    }
    let gate = Arc::new(Gate {
        came: watch::Sender::new(0),
        open: watch::Sender::new(false),
    });
    let (broker, store) = (service.broker.clone(), service.store.messages.clone());
    Consumers::new(&service.life, broker, store, service.clock.clone())
        .queue(QUEUE, gate.clone(), ConsumerSettings::default())
        .start();
    let mut came = gate.came.subscribe();
    assert_eq!(*came.wait_for(|came| *came >= 16).await.unwrap(), 16);

    // Whoever sleeps now sleeps on.
    let frozen = frozen();
    let begun = Instant::now();
    gate.open.send_replace(true);
    came.wait_for(|came| *came == MESSAGES).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(frozen);
}

#[tokio::test]
async fn a_deferred_message_without_a_handler_is_parked() {
    let service = Service::new().await;
    let message = message_of(&cancel_requested());
    let store = &service.store.messages;
    store
        .defer("product.gone", message.clone(), "too early", now())
        .await
        .unwrap();
    service.start();
    service.until_stats(PARKED).await;
    assert_eq!(
        service.parked(&message).await.reason,
        "this service has no handler for product.gone"
    );
}
