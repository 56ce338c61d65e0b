//! What the messaging tables of every store promise. A store passes by naming itself in `store_contract!`.

mod deferred;
mod refused;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use messaging::{MessageStore, OutboxStats, replay_since};

pub use self::deferred::{
    a_deferred_message_is_due_when_its_time_has_come_until_it_is_done,
    a_deferred_message_that_is_parked_waits_no_more, a_discarded_message_is_gone,
    a_message_that_is_deferred_twice_keeps_its_first_row,
    a_replayed_message_is_due_at_once_and_starts_over, a_suspect_whose_try_was_none_stays_one,
    a_try_that_was_none_is_not_counted, a_try_without_an_end_is_counted_and_makes_a_suspect,
    parked_messages_are_listed_in_pages_and_are_never_due,
    two_queues_may_have_trouble_with_one_event, what_is_due_is_given_out_oldest_first,
    whose_lease_has_ended_changes_nothing,
};
pub use self::refused::{
    a_message_that_the_store_refuses_to_defer_ends_and_those_behind_it_are_handled,
    a_message_that_the_store_refuses_to_park_ends_and_those_behind_it_are_handled,
    what_a_store_refuses_is_no_outage_and_concerns_no_other_message,
};
use crate::fixtures::{cancel_requested, ids, message_of, now, sorted};

/// A store to try.
#[async_trait]
pub trait Bench: Send + Sync + Sized {
    /// An empty one.
    async fn fresh() -> Self;
    /// Its messaging tables.
    fn store(&self) -> Arc<dyn MessageStore>;
    /// Commits an event to the outbox, in the trace of the fixtures.
    async fn append(&self, event: &Event);
    /// Commits the receipt of a message; `false` if it was received before.
    async fn first_delivery(&self, consumer: &'static str, id: &str, at: Timestamp) -> bool;
    /// From now on the store refuses to keep this deferred or parked message, as one that breaks a rule of its schema; none: it
    /// keeps all again.
    async fn refuse(&self, id: Option<&str>);
}

const QUEUE: &str = "product.orders";
const LEASE: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_hours(1);

/// The whole list for one store.
macro_rules! store_contract {
    ($bench:ty) => {
        async fn fresh() -> $bench {
            <$bench as crate::store_contract::Bench>::fresh().await
        }

        testkit::contract_tests! {
            fresh =>
            crate::store_contract::events_are_claimed_oldest_first_and_by_one_claim_until_its_lease_ends,
            crate::store_contract::claims_at_the_same_time_never_overlap,
            crate::store_contract::a_published_event_is_done_and_a_released_one_is_not,
            crate::store_contract::the_outbox_tells_how_much_waits_and_since_when,
            crate::store_contract::replaying_tells_what_happened_since_again_with_the_same_ids,
            crate::store_contract::replaying_goes_batch_by_batch_and_may_be_interrupted_and_begun_again,
            crate::store_contract::sweeping_removes_what_is_old_and_nothing_that_waits,
            crate::store_contract::what_was_received_is_known_as_long_as_its_message_may_be_tried_again,
            crate::store_contract::a_message_is_received_once_by_each_consumer,
            crate::store_contract::of_deliveries_at_the_same_time_one_is_the_first,
            crate::store_contract::a_deferred_message_is_due_when_its_time_has_come_until_it_is_done,
            crate::store_contract::what_is_due_is_given_out_oldest_first,
            crate::store_contract::a_try_that_was_none_is_not_counted,
            crate::store_contract::a_suspect_whose_try_was_none_stays_one,
            crate::store_contract::a_try_without_an_end_is_counted_and_makes_a_suspect,
            crate::store_contract::whose_lease_has_ended_changes_nothing,
            crate::store_contract::two_queues_may_have_trouble_with_one_event,
            crate::store_contract::a_message_that_is_deferred_twice_keeps_its_first_row,
            crate::store_contract::parked_messages_are_listed_in_pages_and_are_never_due,
            crate::store_contract::a_deferred_message_that_is_parked_waits_no_more,
            crate::store_contract::a_replayed_message_is_due_at_once_and_starts_over,
            crate::store_contract::a_discarded_message_is_gone,
            crate::store_contract::what_a_store_refuses_is_no_outage_and_concerns_no_other_message,
            crate::store_contract::a_message_that_the_store_refuses_to_defer_ends_and_those_behind_it_are_handled,
            crate::store_contract::a_message_that_the_store_refuses_to_park_ends_and_those_behind_it_are_handled,
        }
    };
}
pub(crate) use store_contract;

async fn appended(bench: &impl Bench, count: usize) -> Vec<Event> {
    let events: Vec<_> = (0..count).map(|_| cancel_requested()).collect();
    for event in &events {
        bench.append(event).await;
    }
    events
}

pub async fn events_are_claimed_oldest_first_and_by_one_claim_until_its_lease_ends(
    bench: impl Bench,
) {
    let events = appended(&bench, 3).await;
    let expected: Vec<_> = events.iter().map(message_of).collect();
    let store = bench.store();
    let first = store.claim(2, LEASE, now()).await.unwrap();
    assert_eq!(first, expected[..2]);
    let second = store.claim(2, LEASE, now()).await.unwrap();
    assert_eq!(second, expected[2..]);
    assert_eq!(store.claim(2, LEASE, now()).await.unwrap(), []);
    let later = store.claim(10, LEASE, now().plus(LEASE)).await.unwrap();
    assert_eq!(later, expected);
}

pub async fn claims_at_the_same_time_never_overlap(bench: impl Bench) {
    appended(&bench, 50).await;
    let claims = (0..10).map(|_| {
        let store = bench.store();
        tokio::spawn(async move { store.claim(7, LEASE, now()).await.unwrap() })
    });
    let mut claimed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        claimed.extend(ids(&claim.await.unwrap()));
    }
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((distinct.len(), claimed.len()), (50, 50));
}

pub async fn a_published_event_is_done_and_a_released_one_is_not(bench: impl Bench) {
    let events = appended(&bench, 2).await;
    let store = bench.store();
    let claimed = store.claim(2, LEASE, now()).await.unwrap();
    store
        .mark_published(vec![claimed[0].id.clone()], now())
        .await
        .unwrap();
    let until = now().plus(Duration::from_secs(10));
    store
        .release(vec![claimed[1].id.clone()], until)
        .await
        .unwrap();
    let just_before = until.minus(Duration::from_millis(1));
    assert_eq!(store.claim(9, LEASE, just_before).await.unwrap(), []);
    let again = store.claim(9, LEASE, until).await.unwrap();
    assert_eq!(again, [message_of(&events[1])]);
}

pub async fn the_outbox_tells_how_much_waits_and_since_when(bench: impl Bench) {
    let store = bench.store();
    assert_eq!(store.outbox_stats().await.unwrap(), OutboxStats::default());
    let mut events = [cancel_requested(), cancel_requested()];
    events[1].occurred_at = now().plus(HOUR);
    for event in &events {
        bench.append(event).await;
    }
    let both = OutboxStats {
        pending: 2,
        oldest: Some(now()),
    };
    assert_eq!(store.outbox_stats().await.unwrap(), both);
    store
        .mark_published(vec![events[0].id.to_string()], now())
        .await
        .unwrap();
    let second = OutboxStats {
        pending: 1,
        oldest: Some(now().plus(HOUR)),
    };
    assert_eq!(store.outbox_stats().await.unwrap(), second);
}

pub async fn replaying_tells_what_happened_since_again_with_the_same_ids(bench: impl Bench) {
    let mut events = [cancel_requested(), cancel_requested(), cancel_requested()];
    events[0].occurred_at = now().minus(HOUR);
    events[2].occurred_at = now().plus(HOUR);
    for event in &events {
        bench.append(event).await;
    }
    let store = bench.store();
    let claimed = store.claim(9, LEASE, now()).await.unwrap();
    store.mark_published(ids(&claimed), now()).await.unwrap();
    let replayed = replay_since(&*store, now(), 5_000, |_| ()).await;
    assert_eq!(replayed.unwrap(), 2);
    let again = store.claim(9, LEASE, now()).await.unwrap();
    let expected: Vec<_> = events[1..].iter().map(message_of).collect();
    assert_eq!(again, expected);
}

pub async fn replaying_goes_batch_by_batch_and_may_be_interrupted_and_begun_again(
    bench: impl Bench,
) {
    let events = appended(&bench, 25).await;
    let store = bench.store();
    let claimed = store.claim(99, LEASE, now()).await.unwrap();
    // The last one is still to be told for the first time.
    store
        .mark_published(ids(&claimed[..24]), now())
        .await
        .unwrap();
    store.release(ids(&claimed[24..]), now()).await.unwrap();

    let by_id = sorted(ids(&claimed));
    let first = store.replay_some(now(), "", 10).await.unwrap();
    assert_eq!(
        first.last.as_ref(),
        Some(&by_id[9]),
        "then it is interrupted"
    );
    let mut told = Vec::new();
    let replayed = replay_since(&*store, now(), 10, |events| told.push(events)).await;
    assert_eq!(first.events + replayed.unwrap(), 24);
    assert_eq!(told.len(), 3, "{told:?}");
    let again = store.claim(99, LEASE, now()).await.unwrap();
    let expected: Vec<_> = events.iter().map(message_of).collect();
    assert_eq!(again, expected);
}

pub async fn sweeping_removes_what_is_old_and_nothing_that_waits(bench: impl Bench) {
    let events = appended(&bench, 3).await;
    let store = bench.store();
    let old = events[0].id.to_string();
    let recent = events[1].id.to_string();
    store
        .mark_published(vec![old.clone()], now())
        .await
        .unwrap();
    store
        .mark_published(vec![recent.clone()], now().plus(HOUR))
        .await
        .unwrap();
    assert!(bench.first_delivery("old", "evt_1", now()).await);
    assert!(
        bench
            .first_delivery("recent", "evt_1", now().plus(HOUR))
            .await
    );

    let a_day_later = now().plus(HOUR * 24 + Duration::from_millis(1));
    assert_eq!(store.sweep(a_day_later).await.unwrap(), 1);
    assert_eq!(store.sweep(a_day_later).await.unwrap(), 0);
    let thirty_days_later = now().plus(HOUR * 24 * 30 + Duration::from_millis(1));
    assert_eq!(
        store.sweep(thirty_days_later).await.unwrap(),
        2,
        "an event and a receipt"
    );
    assert!(
        bench.first_delivery("old", "evt_1", now()).await,
        "forgotten"
    );
    assert!(
        !bench.first_delivery("recent", "evt_1", now()).await,
        "known"
    );
    let waiting = store.claim(9, LEASE, thirty_days_later).await.unwrap();
    assert_eq!(waiting, [message_of(&events[2])]);
}

pub async fn what_was_received_is_known_as_long_as_its_message_may_be_tried_again(
    bench: impl Bench,
) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let id = message.id.clone();
    // One delivery failed until it was parked, another one of the same message got through.
    store.park(QUEUE, message, "broken", now()).await.unwrap();
    assert!(bench.first_delivery(QUEUE, &id, now()).await);
    let later = now().plus(HOUR * 24 * 60);
    assert_eq!(store.sweep(later).await.unwrap(), 0);
    assert!(store.replay(QUEUE, &id, later).await.unwrap());
    assert_eq!(store.sweep(later).await.unwrap(), 0);
    assert!(!bench.first_delivery(QUEUE, &id, later).await, "known");
    let tried = store.due(later, 9).await.unwrap();
    store.resolve(&tried[0]).await.unwrap();
    assert_eq!(store.sweep(later).await.unwrap(), 1);
}

pub async fn a_message_is_received_once_by_each_consumer(bench: impl Bench) {
    let received = [
        bench.first_delivery("one", "evt_1", now()).await,
        bench.first_delivery("one", "evt_1", now()).await,
        bench.first_delivery("other", "evt_1", now()).await,
        bench.first_delivery("one", "evt_2", now()).await,
    ];
    assert_eq!(received, [true, false, true, true]);
}

pub async fn of_deliveries_at_the_same_time_one_is_the_first(bench: impl Bench) {
    let received = (0..20).map(|_| bench.first_delivery("one", "evt_1", now()));
    let received = futures_util::future::join_all(received).await;
    assert_eq!(received.iter().filter(|first| **first).count(), 1);
}
