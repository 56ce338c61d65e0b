//! What the deferred and parked messages of every store promise.

use std::time::Duration;

use messaging::{DeferredMessage, DeferredStats, ParkedMessage};

use super::{Bench, HOUR, QUEUE};
use crate::fixtures::{cancel_requested, ids, message_of, messages, now, sorted};

pub async fn a_deferred_message_is_due_when_its_time_has_come_until_it_is_done(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    let due_at = now().plus(Duration::from_secs(1));
    store
        .defer(QUEUE, message.clone(), "too early", due_at)
        .await
        .unwrap();
    assert_eq!(store.due(now(), 9).await.unwrap(), []);
    let mut due = DeferredMessage {
        message: message.clone(),
        queue: QUEUE.to_owned(),
        attempts: 1,
    };
    assert_eq!(store.due(due_at, 9).await.unwrap(), [due.clone()]);

    let later = due_at.plus(HOUR);
    store
        .reschedule(&message.id, 2, "still too early", later)
        .await
        .unwrap();
    assert_eq!(store.due(due_at, 9).await.unwrap(), []);
    due.attempts = 2;
    assert_eq!(store.due(later, 9).await.unwrap(), [due]);

    store.resolve(&message.id).await.unwrap();
    assert_eq!(store.due(later, 9).await.unwrap(), []);
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default()
    );
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
    store
        .reschedule(&message.id, 4, "fourth", now())
        .await
        .unwrap();
    store
        .defer(QUEUE, message.clone(), "again", now().plus(HOUR))
        .await
        .unwrap();
    let expected = DeferredMessage {
        message,
        queue: QUEUE.to_owned(),
        attempts: 4,
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
        after = Some((last.parked_at, last.message.id.clone()));
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
        store.parked_message(&messages[1].id).await.unwrap(),
        Some(oldest)
    );
    assert_eq!(store.parked_message("evt_unknown").await.unwrap(), None);
    assert_eq!(store.due(now().plus(HOUR * 99), 9).await.unwrap(), []);
}

pub async fn a_deferred_message_that_is_parked_waits_no_more(bench: impl Bench) {
    let store = bench.store();
    let message = message_of(&cancel_requested());
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    assert_eq!(
        store.parked_message(&message.id).await.unwrap(),
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
        attempts: 2,
        reason: "given up".to_owned(),
        parked_at: now().plus(HOUR),
    };
    assert_eq!(
        store.parked_message(&message.id).await.unwrap(),
        Some(expected)
    );
    store
        .reschedule(&message.id, 9, "too late", now())
        .await
        .unwrap();
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
    assert!(!store.replay(&id, now()).await.unwrap(), "unknown");
    store
        .defer(QUEUE, message.clone(), "first", now())
        .await
        .unwrap();
    assert!(!store.replay(&id, now()).await.unwrap(), "not parked");
    store
        .park(QUEUE, message.clone(), "given up", now())
        .await
        .unwrap();
    let later = now().plus(HOUR);
    assert!(store.replay(&id, later).await.unwrap());
    let expected = DeferredMessage {
        message,
        queue: QUEUE.to_owned(),
        attempts: 0,
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
        !store.discard(&id).await.unwrap(),
        "what is tried again is not discarded"
    );
    store.park(QUEUE, message, "given up", now()).await.unwrap();
    assert!(store.discard(&id).await.unwrap());
    assert!(!store.discard(&id).await.unwrap());
    assert_eq!(
        store.deferred_stats().await.unwrap(),
        DeferredStats::default()
    );
}
