//! Claiming and recording deliveries.

use std::time::Duration;

use contracts::events::notification::{NotificationDelivered, NotificationFailed};
use contracts::{DeliveryId, Payload};
use notification::domain::{Channel, DeliveryState};
use notification::store::{Claimed, Delivery, DeliveryFilter, Recorded, Tried};

use crate::contract::{Fixture, LEASE};
use crate::samples;

const ALL: DeliveryFilter = DeliveryFilter {
    state: None,
    channel: None,
    user_id: None,
};

fn only(mut claimed: Vec<Claimed>) -> Claimed {
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    claimed.remove(0)
}

fn failed(reason: &str) -> Tried {
    let reason = reason.to_owned();
    Tried::Failed { reason }
}

pub async fn a_delivery_is_claimed_once_until_its_lease_ends(fixture: Fixture) {
    fixture.customer("Ada").await;
    let first = only(fixture.claim().await);
    assert_eq!(fixture.claim().await, []);
    fixture.clock.advance(LEASE);
    let second = only(fixture.claim().await);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(
        second,
        Claimed {
            attempt: 2,
            ..first.clone()
        }
    );
    let late = fixture.record(&first, failed("late")).await;
    assert_eq!(late, Recorded::TakenOver);
    assert_eq!(fixture.record(&second, Tried::Sent).await, Recorded::Now);
    let again = fixture.record(&second, failed("again")).await;
    assert_eq!(again, Recorded::Before, "it has ended");
    assert_eq!(fixture.events().await.len(), 1);
    fixture.clock.advance(LEASE);
    assert_eq!(fixture.claim().await, []);
}

pub async fn what_others_may_yet_record_is_claimed_only_if_its_lease_ended_before_a_time(
    fixture: Fixture,
) {
    let ada = fixture.customer("Ada").await;
    let first = only(fixture.claim().await);
    let end = fixture.now().plus(LEASE);
    fixture.take_in(2, samples::confirmed(ada)).await;
    fixture.clock.advance(LEASE);
    let claim = async |abandoned| {
        let (store, now) = (&fixture.store, fixture.now());
        let claimed = store.claim(Channel::Email, 100, LEASE, abandoned, now);
        claimed.await.unwrap()
    };
    let new = only(claim(None).await);
    assert_ne!(new.id, first.id);
    fixture.clock.advance(Duration::from_secs(1));
    let before = end.minus(Duration::from_millis(1));
    assert_eq!(claim(Some(before)).await, []);
    let late = fixture.record(&first, Tried::Sent).await;
    assert_eq!(late, Recorded::Now, "nobody has taken it over");
    let end = fixture.now().plus(LEASE);
    fixture.clock.advance(LEASE);
    assert_eq!(claim(None).await, []);
    let second = only(claim(Some(end)).await);
    assert_eq!((second.id, second.attempt), (new.id, 2));
    let later = fixture.now().plus(LEASE);
    assert_eq!(claim(Some(later)).await, [], "its lease goes on");
}

pub async fn what_is_late_is_touched_so_that_the_store_shows_that_it_takes_writes(
    fixture: Fixture,
) {
    let ada = fixture.customer("Ada").await;
    let begun = only(fixture.claim().await);
    let end = fixture.now().plus(LEASE);
    fixture.take_in(2, samples::confirmed(ada)).await;
    let before = fixture.deliveries(ALL).await;
    fixture.clock.advance(Duration::from_secs(1));
    let touch = async |late| {
        let (store, now) = (&fixture.store, fixture.now());
        store.touch_late(Channel::Email, late, now).await.unwrap()
    };
    assert!(!touch(end.minus(Duration::from_millis(1))).await);
    assert_eq!(fixture.deliveries(ALL).await, before, "nothing was late");
    assert!(touch(end).await);
    let mut after = before;
    let touched = after.iter_mut().find(|delivery| delivery.id == begun.id);
    touched.unwrap().updated_at = fixture.now();
    assert_eq!(
        fixture.deliveries(ALL).await,
        after,
        "only that it was touched"
    );
    assert_eq!(fixture.record(&begun, Tried::Sent).await, Recorded::Now);
    assert!(!touch(end).await, "what only waits is not late");
}

pub async fn a_try_is_held_only_by_whoever_is_at_it(fixture: Fixture) {
    fixture.customer("Ada").await;
    let first = only(fixture.claim().await);
    let due_at = async || fixture.deliveries(ALL).await[0].due_at;
    let keep = async |claimed: &Claimed| {
        let until = fixture.now().plus(2 * LEASE);
        let holding = fixture.store.hold(claimed.id, claimed.attempt, until);
        holding.await.unwrap();
        until
    };
    let held = keep(&first).await;
    assert_eq!(due_at().await, Some(held));
    fixture.clock.advance(LEASE);
    assert_eq!(fixture.claim().await, []);
    fixture.clock.advance(LEASE);
    let second = only(fixture.claim().await);
    keep(&first).await;
    assert_eq!(
        due_at().await,
        Some(fixture.now().plus(LEASE)),
        "taken over"
    );
    assert_eq!(fixture.record(&second, Tried::Sent).await, Recorded::Now);
    keep(&second).await;
    assert_eq!(due_at().await, None, "it has ended");
}

pub async fn what_a_lost_reply_left_open_is_told_from_what_another_took_over(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    for version in 2..4 {
        fixture.take_in(version, samples::confirmed(ada)).await;
    }
    let first = fixture.claim().await;
    let later = || Tried::Later {
        reason: "451".to_owned(),
        at: fixture.now().plus(LEASE),
    };
    let outcomes = [Tried::Sent, failed("550"), later()];
    let tries: Vec<_> = first.iter().zip(outcomes).collect();
    assert_eq!(fixture.record_all(&tries).await, [Recorded::Now; 3]);
    assert_eq!(fixture.record_all(&tries).await, [Recorded::Before; 3]);
    // Whatever the first tries came to, it is not in what a later one made of the delivery.
    fixture.clock.advance(LEASE);
    let second = only(fixture.claim().await);
    assert_eq!((second.id, second.attempt), (first[2].id, 2));
    fixture.clock.advance(LEASE);
    let third = only(fixture.claim().await);
    for lost in [&first[2], &second] {
        for tried in [Tried::Sent, failed("550"), later()] {
            assert_eq!(fixture.record(lost, tried).await, Recorded::TakenOver);
        }
    }
    assert_eq!(fixture.record(&third, Tried::Sent).await, Recorded::Now);
    for lost in [&first[2], &second] {
        let late = fixture.record(lost, Tried::Sent).await;
        assert_eq!(late, Recorded::TakenOver, "it was the third that ended it");
    }
    assert_eq!(fixture.record(&third, Tried::Sent).await, Recorded::Before);
    fixture.clock.advance(LEASE);
    let now = fixture.now();
    fixture.store.sweep(now, now, 100).await.unwrap();
    let gone = fixture.record(&third, Tried::Sent).await;
    assert_eq!(gone, Recorded::TakenOver, "there is no such delivery");
}

pub async fn tries_that_are_recorded_together_are_each_judged_by_themselves(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    let lost = only(fixture.claim().await);
    fixture.clock.advance(LEASE);
    for version in 2..5 {
        fixture.take_in(version, samples::confirmed(ada)).await;
    }
    let claimed = fixture.claim().await;
    assert_eq!((claimed.len(), claimed[0].id), (4, lost.id));
    let wait = Duration::from_secs(5);
    let later = Tried::Later {
        reason: "451".to_owned(),
        at: fixture.now().plus(wait),
    };
    let first = fixture.record(&claimed[1], Tried::Sent).await;
    assert_eq!(first, Recorded::Now);
    fixture.events().await;
    let recorded = fixture
        .record_all(&[
            (&claimed[3], failed("550")),
            (&lost, Tried::Sent),
            (&claimed[1], Tried::Sent),
            (&claimed[2], later.clone()),
            (&claimed[0], Tried::Sent),
        ])
        .await;
    let expected = [
        Recorded::Now,
        Recorded::TakenOver,
        Recorded::Before,
        Recorded::Now,
        Recorded::Now,
    ];
    assert_eq!(recorded, expected);
    let told: Vec<_> = fixture.events().await.iter().map(about).collect();
    assert_eq!(told, [claimed[3].id, claimed[0].id], "in their order");
    let again = fixture.record(&claimed[2], later).await;
    assert_eq!(again, Recorded::Before, "put off once");
    let log = fixture.deliveries(ALL).await;
    let states: Vec<_> = log.iter().map(|delivery| delivery.state).collect();
    let expected = [
        DeliveryState::Failed,
        DeliveryState::Queued,
        DeliveryState::Sent,
        DeliveryState::Sent,
    ];
    assert_eq!(states, expected);
}

/// Which delivery an event is about.
fn about(payload: &Payload) -> DeliveryId {
    match payload {
        Payload::NotificationDelivered(delivered) => delivered.delivery_id,
        Payload::NotificationFailed(failed) => failed.delivery_id,
        other => panic!("{other:?}"),
    }
}

pub async fn what_was_sent_or_given_up_is_told_in_the_same_transaction(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let claimed = fixture.claim().await;
    fixture.take_in(3, samples::delivered(ada)).await;
    assert_eq!(
        fixture.store.count_on_their_way().await.unwrap(),
        [
            (Channel::Email, DeliveryState::Queued, 1),
            (Channel::Email, DeliveryState::Sending, 2)
        ]
    );
    let sent = fixture.record(&claimed[0], Tried::Sent).await;
    assert_eq!(sent, Recorded::Now);
    let refused = fixture.record(&claimed[1], failed("550 5.1.1")).await;
    assert_eq!(refused, Recorded::Now);
    let email = || "email".to_owned();
    let delivered = NotificationDelivered {
        delivery_id: claimed[0].id,
        event_id: claimed[0].event_id,
        user_id: ada,
        channel: email(),
    };
    let given_up = NotificationFailed {
        delivery_id: claimed[1].id,
        event_id: claimed[1].event_id,
        user_id: ada,
        channel: email(),
        reason: "550 5.1.1".to_owned(),
    };
    assert_eq!(
        fixture.events().await,
        [Payload::from(delivered), Payload::from(given_up)]
    );
    assert_eq!(
        fixture.store.count_on_their_way().await.unwrap(),
        [(Channel::Email, DeliveryState::Queued, 1)]
    );
}

pub async fn a_delivery_that_was_put_off_waits_for_its_time(fixture: Fixture) {
    fixture.customer("Ada").await;
    let first = only(fixture.claim().await);
    let wait = Duration::from_secs(5);
    let later = Tried::Later {
        reason: "451 busy".to_owned(),
        at: fixture.now().plus(wait),
    };
    assert_eq!(fixture.record(&first, later).await, Recorded::Now);
    assert_eq!(fixture.claim().await, []);
    assert_eq!(fixture.events().await, [], "it has not ended");
    let logged = fixture.deliveries(ALL).await.remove(0);
    assert_eq!(
        (logged.state, logged.attempts, logged.last_error.as_deref()),
        (DeliveryState::Queued, 1, Some("451 busy"))
    );
    assert_eq!(logged.due_at, Some(samples::start().plus(wait)));
    fixture.clock.advance(wait);
    let second = only(fixture.claim().await);
    assert_eq!(fixture.record(&second, Tried::Sent).await, Recorded::Now);
    let logged = fixture.deliveries(ALL).await.remove(0);
    assert_eq!(
        logged,
        Delivery {
            state: DeliveryState::Sent,
            attempts: 2,
            due_at: None,
            updated_at: fixture.now(),
            ..logged.clone()
        }
    );
    assert_eq!(
        logged.last_error.as_deref(),
        Some("451 busy"),
        "kept in the log"
    );
}

pub async fn the_log_is_newest_first_and_filtered_by_state_channel_and_account(fixture: Fixture) {
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    fixture.take_in(1, samples::placed(bob)).await;
    let claimed = fixture.claim().await;
    assert_eq!(
        fixture.record(&claimed[1], Tried::Sent).await,
        Recorded::Now
    );
    let ids = async |filter| -> Vec<DeliveryId> {
        let deliveries = fixture.deliveries(filter).await;
        deliveries.into_iter().map(|delivery| delivery.id).collect()
    };
    let (first, second, third) = (claimed[0].id, claimed[1].id, claimed[2].id);
    assert_eq!(ids(ALL).await, [third, second, first]);
    let state = Some(DeliveryState::Sent);
    assert_eq!(ids(DeliveryFilter { state, ..ALL }).await, [second]);
    let channel = Some(Channel::Email);
    let sending = Some(DeliveryState::Sending);
    let both = DeliveryFilter {
        state: sending,
        channel,
        ..ALL
    };
    assert_eq!(ids(both).await, [third, first]);
    let user_id = Some(ada);
    assert_eq!(ids(DeliveryFilter { user_id, ..ALL }).await, [first]);
    let all = fixture.deliveries(ALL).await;
    let before = Some(all[1].sequence);
    let rest = fixture.store.deliveries(ALL, before, 1).await.unwrap();
    assert_eq!(rest, all[2..]);
}

pub async fn old_deliveries_and_notifications_go_and_what_is_on_its_way_stays(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    let welcome = only(fixture.claim().await);
    assert_eq!(fixture.record(&welcome, Tried::Sent).await, Recorded::Now);
    fixture.take_in(1, samples::placed(ada)).await;
    let sweep = async || {
        let now = fixture.now();
        fixture.store.sweep(now, now, 100).await.unwrap()
    };
    assert_eq!(sweep().await, 0, "nothing is older than now");
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep().await, 2, "the welcome and its delivery");
    assert_eq!(sweep().await, 0);
    assert_eq!(fixture.titles(ada).await, ["Order K7Q2-41ZD received"]);
    let placed = only(fixture.claim().await);
    assert_eq!(fixture.record(&placed, Tried::Sent).await, Recorded::Now);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep().await, 2);
    fixture.take_in(2, samples::confirmed(ada)).await;
    let numbers = fixture.store.stream_after(ada, 0, 10).await.unwrap();
    assert_eq!(numbers[0].stream_seq, 3, "a number is never given twice");
}
