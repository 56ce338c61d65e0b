//! What the deferred and parked messages of every store promise.

use std::time::Duration;

use contracts::Timestamp;
use messaging::{DeferredMessage, DeferredStats, MessageStore, ParkedMessage, ParkedPosition};

use super::{Bench, HOUR, QUEUE};
use crate::fixtures::{cancel_requested, ids, message_of, messages, now, sorted};

/// More than a lease.
const LEASED: Duration = Duration::from_mins(2);

/// The message that is due, at this try.
async fn tried(store: &dyn MessageStore, at: Timestamp) -> DeferredMessage {
    let mut due = store.due(at, 9).await.unwrap();
    assert_eq!(due.len(), 1);
    due.remove(0)
}

pub async fn a_deferred_message_is_due_when_its_time_has_come_until_it_is_done(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let due_at = now().plus(Duration::from_secs(1));
    store
        .defer(QUEUE, message.clone(), "too early", due_at)
        .await
        .unwrap();
    assert_eq!(store.due(now(), 9).await.unwrap(), []);
    let mut second = DeferredMessage {
        message,
        queue: QUEUE.to_owned(),
        attempts: 2,
        unended: 0,
    };
    assert_eq!(store.due(due_at, 9).await.unwrap(), [second.clone()]);
    assert_eq!(store.due(due_at, 9).await.unwrap(), [], "it is in hand");

    let later = due_at.plus(HOUR);
    store
        .reschedule(&second, "still too early", later)
        .await
        .unwrap();
    assert_eq!(store.due(due_at, 9).await.unwrap(), []);
    second.attempts = 3;
    assert_eq!(store.due(later, 9).await.unwrap(), [second.clone()]);

    store.resolve(&second).await.unwrap();
    assert_eq!(store.due(later.plus(HOUR), 9).await.unwrap(), []);
    assert_eq!(store.suspect(later.plus(HOUR)).await.unwrap(), None);
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default()
    );
}

pub async fn a_try_that_was_none_is_not_counted(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store.defer(QUEUE, message, "r", now()).await.unwrap();
    for _ in 0..20 {
        let due = tried(&*store, now()).await;
        assert_eq!((due.attempts, due.unended), (2, 0));
        store.give_back(&due, now()).await.unwrap();
    }
    assert_eq!(store.suspect(now().plus(HOUR)).await.unwrap(), None);
}

pub async fn a_try_without_an_end_is_counted_and_makes_a_suspect(bench: impl Bench) {
    let store = bench.store();
    let sent = messages(3);
    for (message, seconds) in sent.iter().zip([0, 1, 2]) {
        let next_at = now().plus(Duration::from_secs(seconds));
        store
            .defer(QUEUE, message.clone(), "r", next_at)
            .await
            .unwrap();
    }
    let at = now().plus(Duration::from_secs(1));
    assert_eq!(store.due(at, 9).await.unwrap().len(), 2, "then it dies");
    let just_before = at.plus(LEASED).minus(Duration::from_millis(1));
    assert_eq!(store.suspect(just_before).await.unwrap(), None, "leased");
    let mut at = at.plus(LEASED);
    let fresh = tried(&*store, at).await;
    assert_eq!((&fresh.message, fresh.attempts), (&sent[2], 2));
    store.resolve(&fresh).await.unwrap();
    // One at a time: of several, it is not known which one it was.
    for attempts in 3..9 {
        let mut suspects = Vec::new();
        while let Some(suspect) = store.suspect(at).await.unwrap() {
            assert_eq!(
                (suspect.attempts, suspect.unended),
                (attempts, attempts - 2)
            );
            suspects.push(suspect.message.id);
        }
        assert_eq!(sorted(suspects), sorted(ids(&sent[..2])));
        at = at.plus(LEASED);
    }
    // Whoever lives to tell the end is none.
    let suspect = store.suspect(at).await.unwrap().unwrap();
    store.reschedule(&suspect, "too early", at).await.unwrap();
    let cleared = DeferredMessage {
        attempts: suspect.attempts + 1,
        unended: 0,
        ..suspect
    };
    assert_eq!(tried(&*store, at).await, cleared);
}

pub async fn a_suspect_whose_try_was_none_stays_one(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store.defer(QUEUE, message, "r", now()).await.unwrap();
    tried(&*store, now()).await;
    let at = now().plus(LEASED);
    let suspect = store.suspect(at).await.unwrap().unwrap();
    assert_eq!((suspect.attempts, suspect.unended), (3, 1));
    for _ in 0..20 {
        store.give_back(&suspect, at).await.unwrap();
        assert_eq!(store.due(at, 9).await.unwrap(), [], "not among others");
        let again = store.suspect(at).await.unwrap();
        assert_eq!(again.as_ref(), Some(&suspect));
    }
    store.resolve(&suspect).await.unwrap();
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default()
    );
}

pub async fn whose_lease_has_ended_changes_nothing(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store.defer(QUEUE, message, "r", now()).await.unwrap();
    let slow = tried(&*store, now()).await;
    let later = now().plus(LEASED);
    let quick = store.suspect(later).await.unwrap().unwrap();
    let too_late = async || {
        store.give_up(&slow, "late", later).await.unwrap();
        store.give_back(&slow, now()).await.unwrap();
        store.reschedule(&slow, "late", now()).await.unwrap();
    };
    too_late().await;
    assert_eq!(store.due(later, 9).await.unwrap(), [], "it is in hand");
    store.resolve(&quick).await.unwrap();
    too_late().await;
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default(),
        "what is done is not parked"
    );
}

pub async fn two_queues_may_have_trouble_with_one_event(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let id = message.id.clone();
    for queue in ["product.b", "product.a"] {
        store
            .defer(queue, message.clone(), "r", now())
            .await
            .unwrap();
    }
    let mut due = store.due(now(), 9).await.unwrap();
    due.sort_by(|one, other| one.queue.cmp(&other.queue));
    let queues: Vec<_> = due.iter().map(|due| due.queue.as_str()).collect();
    assert_eq!(queues, ["product.a", "product.b"]);
    store.resolve(&due[0]).await.unwrap();
    store.give_up(&due[1], "broken", now()).await.unwrap();
    store
        .park("product.a", message, "broken too", now())
        .await
        .unwrap();

    let both = ["product.a", "product.b"];
    let mut listed = Vec::new();
    let mut after = None;
    while let Some(last) = store.parked(after, 1).await.unwrap().pop() {
        after = Some(ParkedPosition::of(&last));
        listed.push(last);
    }
    let queues: Vec<_> = listed.iter().map(|parked| &parked.queue).collect();
    assert_eq!(queues, both);
    assert_eq!(store.parked_in(&id).await.unwrap(), both);
    let shown = store.parked_message("product.b", &id).await.unwrap();
    assert_eq!(shown.as_ref(), listed.last());

    assert!(store.replay("product.a", &id, now()).await.unwrap());
    assert!(!store.replay("product.a", &id, now()).await.unwrap());
    assert!(
        !store.discard("product.a", &id).await.unwrap(),
        "not parked"
    );
    assert_eq!(store.parked_message("product.a", &id).await.unwrap(), None);
    assert_eq!(store.parked_in(&id).await.unwrap(), ["product.b"]);
    let due = store.due(now(), 9).await.unwrap();
    let queues: Vec<_> = due.iter().map(|due| due.queue.as_str()).collect();
    assert_eq!(queues, ["product.a"]);
    assert!(store.discard("product.b", &id).await.unwrap());
    assert_eq!(store.parked_in(&id).await.unwrap(), [""; 0]);
    let left = DeferredStats {
        deferred: 1,
        parked: 0,
    };
    assert_eq!(store.deferred_stats().await.unwrap(), left);
}

pub async fn what_is_due_is_given_out_oldest_first(bench: impl Bench) {
    let store = bench.store();
    let messages = messages(4);
    for (message, hour) in messages.iter().zip([2, 0, 3, 1]) {
        let next_at = now().plus(HOUR * hour);
        store
            .defer(QUEUE, message.clone(), "too early", next_at)
            .await
            .unwrap();
    }
    let due = store.due(now().plus(HOUR * 9), 3).await.unwrap();
    let due: Vec<_> = due.into_iter().map(|due| due.message.id).collect();
    let expected = [1, 3, 0].map(|index: usize| messages[index].id.clone());
    assert_eq!(due, expected);
}

pub async fn a_message_that_is_deferred_twice_keeps_its_first_row(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    let second = tried(&*store, now()).await;
    store.reschedule(&second, "second", now()).await.unwrap();
    store
        .defer(QUEUE, message.clone(), "again", now().plus(HOUR))
        .await
        .unwrap();
    let expected = DeferredMessage {
        message,
        queue: QUEUE.to_owned(),
        attempts: 3,
        unended: 0,
    };
    assert_eq!(store.due(now(), 9).await.unwrap(), [expected]);
}

pub async fn parked_messages_are_listed_in_pages_and_are_never_due(bench: impl Bench) {
    let store = bench.store();
    let messages = messages(5);
    for (message, hour) in messages.iter().zip([1, 0, 2, 2, 2]) {
        let parked_at = now().plus(HOUR * hour);
        store
            .park(QUEUE, message.clone(), "nobody knows it", parked_at)
            .await
            .unwrap();
    }
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = store.parked(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(ParkedPosition::of(last));
        listed.extend(page);
    }
    let listed_ids: Vec<_> = listed
        .iter()
        .map(|parked| parked.message.id.clone())
        .collect();
    let mut expected = vec![messages[1].id.clone(), messages[0].id.clone()];
    expected.extend(sorted(ids(&messages[2..])));
    assert_eq!(listed_ids, expected);
    let oldest = ParkedMessage {
        message: messages[1].clone(),
        queue: QUEUE.to_owned(),
        attempts: 1,
        reason: "nobody knows it".to_owned(),
        parked_at: now(),
    };
    assert_eq!(listed[0], oldest);
    assert_eq!(
        store.parked_message(QUEUE, &messages[1].id).await.unwrap(),
        Some(oldest)
    );
    assert_eq!(
        store.parked_message(QUEUE, "evt_unknown").await.unwrap(),
        None
    );
    assert_eq!(store.due(now().plus(HOUR * 99), 9).await.unwrap(), []);
}

pub async fn a_deferred_message_that_is_parked_waits_no_more(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    let in_hand = tried(&*store, now()).await;
    assert_eq!(
        store.parked_message(QUEUE, &message.id).await.unwrap(),
        None,
        "deferred is not parked"
    );
    store
        .park(QUEUE, message.clone(), "given up", now().plus(HOUR))
        .await
        .unwrap();
    let expected = ParkedMessage {
        message: message.clone(),
        queue: QUEUE.to_owned(),
        attempts: 3,
        reason: "given up".to_owned(),
        parked_at: now().plus(HOUR),
    };
    assert_eq!(
        store.parked_message(QUEUE, &message.id).await.unwrap(),
        Some(expected)
    );
    store.reschedule(&in_hand, "too late", now()).await.unwrap();
    let stats = DeferredStats {
        deferred: 0,
        parked: 1,
    };
    assert_eq!(store.deferred_stats().await.unwrap(), stats);
}

pub async fn a_replayed_message_is_due_at_once_and_starts_over(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let id = message.id.clone();
    assert!(!store.replay(QUEUE, &id, now()).await.unwrap(), "unknown");
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    assert!(
        !store.replay(QUEUE, &id, now()).await.unwrap(),
        "not parked"
    );
    store
        .park(QUEUE, message.clone(), "given up", now())
        .await
        .unwrap();
    let later = now().plus(HOUR);
    assert!(store.replay(QUEUE, &id, later).await.unwrap());
    let expected = DeferredMessage {
        message,
        queue: QUEUE.to_owned(),
        attempts: 1,
        unended: 0,
    };
    assert_eq!(store.due(later, 9).await.unwrap(), [expected]);
    assert_eq!(store.parked(None, 9).await.unwrap(), []);
}

pub async fn a_discarded_message_is_gone(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let id = message.id.clone();
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    assert!(
        !store.discard(QUEUE, &id).await.unwrap(),
        "what is tried again is not discarded"
    );
    store.park(QUEUE, message, "given up", now()).await.unwrap();
    assert!(store.discard(QUEUE, &id).await.unwrap());
    assert!(!store.discard(QUEUE, &id).await.unwrap());
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default()
    );
}
