//! Events that are handed over to the relay. Each is written as taken, and the clock stands still: no look finds it before it is
//! given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Timestamp, topology};
use messaging::{
    Broker as _, Handoff, Message, OutboxStats, OutboxStore, Places, Poke, Replayed, spawn_relay,
};
use service_kit::{Health, Lifecycle};
use store_kit::StoreError;

use crate::fixtures::{
    Store, cancel_requested, clock, life, message_of, messages, now, unheard, until,
};
use crate::outage::Outage;

const LEASE: Duration = Duration::from_hours(1);

/// An outbox whose commands hand their events over.
struct Handing {
    store: Store,
    handoff: Handoff,
}

#[async_trait]
impl OutboxStore for Handing {
    async fn claim(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        self.store.messages.claim(limit, lease, now).await
    }

    async fn mark_published(&self, ids: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        self.store.messages.mark_published(ids, now).await
    }

    async fn release(&self, ids: Vec<String>, until: Timestamp) -> Result<(), StoreError> {
        self.store.messages.release(ids, until).await
    }

    fn handoff(&self) -> Option<&Handoff> {
        Some(&self.handoff)
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        self.store.messages.outbox_stats().await
    }

    async fn replay_some(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Replayed, StoreError> {
        self.store.messages.replay_some(since, after, limit).await
    }
}

struct Relayed {
    outbox: Arc<Handing>,
    line: Arc<Outage>,
    poke: Poke,
    life: Lifecycle,
}

impl Relayed {
    async fn started() -> Self {
        let relayed = Self {
            outbox: Arc::new(Handing {
                store: Store::open().await,
                handoff: Handoff::default(),
            }),
            line: Outage::none().await,
            poke: Poke::new(),
            life: life(),
        };
        relayed.line.declare(topology::BINDINGS).await.unwrap();
        let health = Health::new(&relayed.life, "0.0.0");
        let (line, outbox) = (relayed.line.clone(), relayed.outbox.clone());
        let poke = relayed.poke.clone();
        spawn_relay(&relayed.life, &health, line, outbox, poke, clock());
        relayed
    }

    async fn places(&self) -> Places {
        until("the relay to take what is handed over", async || {
            self.outbox.handoff.places(1, now())
        })
        .await
    }

    async fn until_closed(&self) {
        until("the relay to take no more", async || {
            let places = self.outbox.handoff.places(1, now());
            places.is_none().then_some(())
        })
        .await;
    }

    /// Commits an event that is taken.
    async fn committed(&self) -> Message {
        let event = cancel_requested();
        self.outbox.store.append(&event).await;
        let taken = self.outbox.claim(1, LEASE, now()).await.unwrap();
        assert_eq!(taken, [message_of(&event)]);
        message_of(&event)
    }

    async fn until_told(&self, message: &Message) {
        let queue = topology::PRODUCT_ORDERS;
        let mut subscription = self.line.subscribe(queue, 10).await.unwrap();
        let told = subscription.next().await.unwrap();
        assert_eq!(&told.message, message);
        assert!(told.ack().await.unwrap());
        until("the outbox to be empty", async || {
            let stats = self.outbox.outbox_stats().await.unwrap();
            (stats == OutboxStats::default()).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_handed_over_is_told_without_being_looked_for_and_stamped() {
    let relayed = Relayed::started().await;
    let places = relayed.places().await;
    let message = relayed.committed().await;
    places.take([message.clone()]);
    relayed.poke.poke();
    relayed.until_told(&message).await;
    relayed.life.shut_down().await.unwrap();
}

#[tokio::test]
async fn what_is_handed_over_while_the_broker_is_away_is_told_when_it_is_back() {
    let relayed = Relayed::started().await;
    let places = relayed.places().await;
    relayed.line.refused.store(2, Ordering::SeqCst);
    let message = relayed.committed().await;
    places.take([message.clone()]);
    relayed.poke.poke();
    relayed.until_told(&message).await;
    assert_eq!(relayed.line.publishes.load(Ordering::SeqCst), 3);
    relayed.life.shut_down().await.unwrap();
}

#[tokio::test]
async fn while_the_broker_is_away_nothing_more_is_handed_over_and_all_that_was_is_free_at_once() {
    let relayed = Relayed::started().await;
    drop(relayed.places().await);
    relayed.line.refused.store(u32::MAX, Ordering::SeqCst);
    let message = relayed.committed().await;
    // It is not in the first batch.
    let places = relayed.outbox.handoff.places(257, now()).unwrap();
    let first = std::iter::repeat_n(message_of(&unheard()), 256);
    places.take(first.chain([message.clone()]));
    relayed.poke.poke();
    relayed.until_closed().await;
    until("the event to be free", async || {
        let found = relayed.outbox.claim(9, LEASE, now()).await.unwrap();
        (found == [message.clone()]).then_some(())
    })
    .await;
    relayed.life.shut_down().await.unwrap();
}

#[tokio::test]
async fn what_is_committed_while_the_relay_ends_is_left_to_another_one() {
    let relayed = Relayed::started().await;
    let places = relayed.places().await;
    let message = relayed.committed().await;
    let ends = relayed.life.shut_down();
    let commits = async {
        relayed.until_closed().await;
        places.take([message.clone()]);
    };
    let (ended, ()) = tokio::join!(ends, commits);
    ended.unwrap();
    let found = relayed.outbox.claim(9, LEASE, now()).await.unwrap();
    assert_eq!(found, [message]);
    assert_eq!(relayed.line.publishes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_waits_in_the_store_is_told_although_more_was_handed_over_than_fits_into_a_batch() {
    let relayed = Relayed::started().await;
    drop(relayed.places().await);
    let event = cancel_requested();
    relayed.outbox.store.append(&event).await;
    let places = relayed.outbox.handoff.places(1_000, now()).unwrap();
    places.take(messages(1_000));
    let queue = topology::PRODUCT_ORDERS;
    let mut subscription = relayed.line.subscribe(queue, 1_000).await.unwrap();
    let mut before = 0;
    loop {
        let told = subscription.next().await.unwrap();
        let is_it = told.message == message_of(&event);
        assert!(told.ack().await.unwrap());
        if is_it {
            break;
        }
        before += 1;
    }
    assert!(before < 256, "{before} were told before");
    relayed.life.shut_down().await.unwrap();
}
