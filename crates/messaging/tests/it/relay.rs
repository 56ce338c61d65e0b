//! The outbox relay: everything that was committed is told at least once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use contracts::{ManualClock, topology};
use messaging::{
    Broker as _, OutboxStats, OutboxStore as _, Poke, Subscription, replay_since, spawn_relay,
};
use service_kit::{Health, Lifecycle};

use crate::fixtures::{
    Store, cancel_requested, clock, life, message_of, now, sorted, unheard, until,
};
use crate::outage::Outage;

struct Relayed {
    store: Store,
    line: Arc<Outage>,
    poke: Poke,
    clock: Arc<ManualClock>,
    life: Lifecycle,
}

impl Relayed {
    async fn undeclared() -> Self {
        Self {
            store: Store::open().await,
            line: Outage::none().await,
            poke: Poke::new(),
            clock: clock(),
            life: life(),
        }
    }

    async fn declared() -> Self {
        let relayed = Self::undeclared().await;
        relayed.declare().await;
        relayed
    }

    async fn declare(&self) {
        self.line.declare(topology::BINDINGS).await.unwrap();
    }

    fn start(&self) {
        spawn_relay(
            &self.life,
            &Health::new(&self.life, "0.0.0"),
            self.line.clone(),
            self.store.messages.clone(),
            self.poke.clone(),
            self.clock.clone(),
        );
    }

    async fn subscription(&self) -> Subscription {
        let queue = topology::PRODUCT_ORDERS;
        self.line.subscribe(queue, 1_000).await.unwrap()
    }

    async fn until_nothing_waits(&self) {
        until("the outbox to be empty", async || {
            let stats = self.store.messages.outbox_stats().await.unwrap();
            (stats == OutboxStats::default()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_was_committed_before_and_after_the_start_is_told_once_and_stamped() {
    let relayed = Relayed::declared().await;
    let mut expected = Vec::new();
    for _ in 0..300 {
        let event = cancel_requested();
        relayed.store.append(&event).await;
        expected.push(message_of(&event));
    }
    relayed.start();
    let mut subscription = relayed.subscription().await;
    let mut told = Vec::new();
    while told.len() < 300 {
        let delivery = subscription.next().await.unwrap();
        told.push(delivery.message.clone());
        delivery.ack().await.unwrap();
    }
    assert_eq!(told, expected);
    relayed.until_nothing_waits().await;

    let event = cancel_requested();
    relayed.store.append(&event).await;
    relayed.poke.poke();
    let delivery = subscription.next().await.unwrap();
    assert_eq!(delivery.message, message_of(&event));
    relayed.until_nothing_waits().await;
    relayed.life.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_forgotten_poke_only_costs_time() {
    let relayed = Relayed::declared().await;
    relayed.start();
    let event = cancel_requested();
    relayed.store.append(&event).await;
    let mut subscription = relayed.subscription().await;
    let delivery = subscription.next().await.unwrap();
    assert_eq!(delivery.message, message_of(&event));
}

#[tokio::test]
async fn events_wait_while_the_broker_is_away_and_are_told_when_it_is_back() {
    let relayed = Relayed::declared().await;
    relayed.line.refused.store(3, Ordering::SeqCst);
    let event = cancel_requested();
    relayed.store.append(&event).await;
    relayed.start();
    let mut subscription = relayed.subscription().await;
    let delivery = subscription.next().await.unwrap();
    assert_eq!(delivery.message, message_of(&event));
    assert_eq!(relayed.line.publishes.load(Ordering::SeqCst), 4);
    relayed.until_nothing_waits().await;
}

#[tokio::test]
async fn an_event_whose_confirmation_was_lost_is_told_again_with_the_same_id() {
    let relayed = Relayed::declared().await;
    relayed.line.unanswered.store(1, Ordering::SeqCst);
    let event = cancel_requested();
    relayed.store.append(&event).await;
    relayed.start();
    let mut subscription = relayed.subscription().await;
    for _ in 0..2 {
        let delivery = subscription.next().await.unwrap();
        assert_eq!(delivery.message, message_of(&event));
        delivery.ack().await.unwrap();
    }
    relayed.until_nothing_waits().await;
}

#[tokio::test]
async fn an_event_that_nobody_listens_to_is_done() {
    let relayed = Relayed::declared().await;
    relayed.store.append(&unheard()).await;
    relayed.start();
    relayed.until_nothing_waits().await;
    assert_eq!(relayed.line.publishes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_event_whose_queue_is_missing_waits_for_it_and_holds_up_no_other() {
    let relayed = Relayed::undeclared().await;
    let event = cancel_requested();
    relayed.store.append(&event).await;
    relayed.store.append(&unheard()).await;
    relayed.start();
    let waiting = OutboxStats {
        pending: 1,
        oldest: Some(now()),
    };
    until("the unheard event to be stamped", async || {
        let stats = relayed.store.messages.outbox_stats().await.unwrap();
        (stats == waiting).then_some(())
    })
    .await;

    relayed.declare().await;
    relayed.clock.advance(Duration::from_secs(10));
    relayed.poke.poke();
    let mut subscription = relayed.subscription().await;
    let delivery = subscription.next().await.unwrap();
    assert_eq!(delivery.message, message_of(&event));
    relayed.until_nothing_waits().await;
}

#[tokio::test]
async fn replayed_events_are_told_again() {
    let relayed = Relayed::declared().await;
    let events = [cancel_requested(), cancel_requested()];
    for event in &events {
        relayed.store.append(event).await;
    }
    relayed.start();
    relayed.until_nothing_waits().await;
    let again = replay_since(&*relayed.store.messages, now(), 100, |_| ())
        .await
        .unwrap();
    assert_eq!(again, 2);
    relayed.poke.poke();
    let mut subscription = relayed.subscription().await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let delivery = subscription.next().await.unwrap();
        told.push(delivery.message.id.clone());
        delivery.ack().await.unwrap();
    }
    let expected = events.iter().chain(&events).map(|e| e.id.to_string());
    assert_eq!(sorted(told), sorted(expected.collect()));
}
