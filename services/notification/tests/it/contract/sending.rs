//! Claiming and recording deliveries.

use std::time::Duration;

use contracts::events::notification::{NotificationDelivered, NotificationFailed};
use contracts::{DeliveryId, Payload};
use notification::domain::{Channel, DeliveryState};
use notification::store::{Claimed, Delivery, DeliveryFilter, Tried};

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
    assert!(
        !fixture.record(&first, failed("late")).await,
        "another took over"
    );
    assert!(fixture.record(&second, Tried::Sent).await);
    assert!(
        !fixture.record(&second, failed("again")).await,
        "it has ended"
    );
    assert_eq!(fixture.events().await.len(), 1);
    fixture.clock.advance(LEASE);
    assert_eq!(fixture.claim().await, []);
}

pub async fn what_was_sent_or_given_up_is_told_in_the_same_transaction(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let claimed = fixture.claim().await;
    assert!(fixture.record(&claimed[0], Tried::Sent).await);
    assert!(
        fixture
            .record(&claimed[1], failed("550 no such mailbox"))
            .await
    );
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
        reason: "550 no such mailbox".to_owned(),
    };
    assert_eq!(
        fixture.events().await,
        [Payload::from(delivered), Payload::from(given_up)]
    );
    assert_eq!(
        fixture.store.count_deliveries().await.unwrap(),
        [
            (Channel::Email, DeliveryState::Failed, 1),
            (Channel::Email, DeliveryState::Sent, 1)
        ]
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
    assert!(fixture.record(&first, later).await);
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
    assert!(fixture.record(&second, Tried::Sent).await);
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
    assert!(fixture.record(&claimed[1], Tried::Sent).await);
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
    assert!(fixture.record(&welcome, Tried::Sent).await);
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
    assert!(fixture.record(&placed, Tried::Sent).await);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(sweep().await, 2);
    fixture.take_in(2, samples::confirmed(ada)).await;
    let numbers = fixture.store.stream_after(ada, 0, 10).await.unwrap();
    assert_eq!(numbers[0].stream_seq, 3, "a number is never given twice");
}
