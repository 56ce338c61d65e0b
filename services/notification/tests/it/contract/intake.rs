//! Taking events in.

use contracts::{Role, UserId};
use notification::domain::{Channel, DeliveryState, Intake};
use notification::store::{DeliveryFilter, TakeIn, TakeInError, TakenIn};

use crate::contract::Fixture;
use crate::samples;

const TOLD: TakenIn = TakenIn::Done { told: 1 };

pub async fn an_event_that_comes_again_is_told_once(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    let event = samples::event(2, samples::confirmed(ada));
    assert_eq!(fixture.try_take_in(&event).await.unwrap(), TOLD);
    for _ in 0..2 {
        let again = fixture.try_take_in(&event).await.unwrap();
        assert_eq!(again, TakenIn::Repeated);
    }
    let titles = fixture.titles(ada).await;
    assert_eq!(titles, ["Welcome, Ada", "Order K7Q2-41ZD confirmed"]);
    assert_eq!(fixture.claim().await.len(), 2);
}

pub async fn an_unknown_recipient_leaves_nothing_behind_and_is_told_once_it_is_known(
    fixture: Fixture,
) {
    let ada = UserId::at(fixture.now());
    let event = samples::event(2, samples::confirmed(ada));
    let refused = fixture.try_take_in(&event).await;
    assert!(matches!(refused, Err(TakeInError::UnknownRecipient(id)) if id == ada));
    let low = samples::event(1, samples::low());
    let refused = fixture.try_take_in(&low).await;
    assert!(matches!(refused, Err(TakeInError::NobodyKeepsCatalog)));
    assert_eq!(fixture.deliveries(DeliveryFilter::default()).await, []);

    let registered = samples::registered(ada, "Ada", &[Role::Admin]);
    fixture.take_in(1, registered).await;
    assert_eq!(fixture.try_take_in(&event).await.unwrap(), TOLD);
    assert_eq!(fixture.try_take_in(&low).await.unwrap(), TOLD);
    assert_eq!(
        fixture.titles(ada).await,
        [
            "Welcome, Ada",
            "Order K7Q2-41ZD confirmed",
            "Low stock: Stoneware mug (MUG)"
        ]
    );
}

pub async fn an_older_profile_or_roles_event_never_replaces_a_newer_one(fixture: Fixture) {
    let ada = UserId::at(fixture.now());
    fixture.take_in(4, samples::renamed(ada, "Newest")).await;
    fixture.take_in(3, samples::renamed(ada, "Older")).await;
    let roles = samples::roles(ada, &[Role::Catalog]);
    fixture.take_in(5, roles).await;
    let registered = samples::registered(ada, "Oldest", &[Role::Customer]);
    fixture.take_in(1, registered).await;
    fixture.take_in(2, samples::roles(ada, &[])).await;
    fixture.take_in(1, samples::low()).await;
    let addresses: Vec<_> = fixture
        .claim()
        .await
        .into_iter()
        .map(|claimed| (claimed.title, claimed.contact.email, claimed.contact.name))
        .collect();
    let to_newest = |title: &str| {
        (
            title.to_owned(),
            "newest@example.com".to_owned(),
            "Newest".to_owned(),
        )
    };
    assert_eq!(
        addresses,
        [
            to_newest("Welcome, Oldest"),
            to_newest("Low stock: Stoneware mug (MUG)")
        ]
    );
}

pub async fn roles_that_come_before_the_profile_are_kept_for_it(fixture: Fixture) {
    let ada = UserId::at(fixture.now());
    fixture
        .take_in(2, samples::roles(ada, &[Role::Admin]))
        .await;
    let low = samples::event(1, samples::low());
    let refused = fixture.try_take_in(&low).await;
    assert!(matches!(refused, Err(TakeInError::NobodyKeepsCatalog)));
    let registered = samples::registered(ada, "Ada", &[Role::Customer]);
    fixture.take_in(1, registered).await;
    assert_eq!(fixture.try_take_in(&low).await.unwrap(), TOLD);
}

pub async fn low_stock_is_told_to_all_who_keep_the_catalog_and_to_nobody_else(fixture: Fixture) {
    let mut keepers = Vec::new();
    for (name, role) in [
        ("Admin", Role::Admin),
        ("Keeper", Role::Catalog),
        ("Helper", Role::Support),
        ("Buyer", Role::Customer),
    ] {
        let user_id = UserId::at(fixture.now());
        keepers.push(user_id);
        let registered = samples::registered(user_id, name, &[Role::Customer, role]);
        fixture.take_in(1, registered).await;
    }
    let former = keepers[1];
    let told = fixture.take_in(1, samples::low()).await;
    assert_eq!(told, TakenIn::Done { told: 2 });
    fixture.take_in(2, samples::roles(former, &[])).await;
    let told = fixture.take_in(2, samples::low()).await;
    assert_eq!(told, TOLD);
    let mut counts = Vec::new();
    for user_id in keepers {
        counts.push(fixture.titles(user_id).await.len() - 1);
    }
    assert_eq!(counts, [2, 1, 0, 0]);
}

pub async fn an_account_is_numbered_without_gaps_whatever_comes_at_once(fixture: Fixture) {
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    let events: Vec<_> = (0..40)
        .map(|n| samples::event(n, samples::confirmed(if n % 4 == 0 { bob } else { ada })))
        .collect();
    // Each three times, all at once.
    let deliveries = (0..3).flat_map(|_| events.iter());
    let taken = deliveries.map(|event| fixture.try_take_in(event));
    let taken = futures_util::future::join_all(taken).await;
    let told = taken
        .iter()
        .filter(|taken| *taken.as_ref().unwrap() == TOLD);
    assert_eq!(told.count(), 40);
    for (user_id, last) in [(ada, 31), (bob, 11)] {
        let stream = fixture.store.stream_after(user_id, 0, 100).await.unwrap();
        let numbers: Vec<_> = stream.iter().map(|told| told.stream_seq).collect();
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
        assert_eq!(fixture.store.stream_end(user_id).await.unwrap(), last);
    }
}

pub async fn a_channel_that_is_not_set_up_is_skipped(fixture: Fixture) {
    let ada = UserId::at(fixture.now());
    let event = samples::event(1, samples::registered(ada, "Ada", &[]));
    let take_in = TakeIn {
        message_id: event.id.to_string(),
        event_id: event.id,
        event_type: event.payload.event_type(),
        payload: event.payload.to_json().unwrap(),
        intake: Intake::of(event),
        channels: vec![(Channel::Email, false)],
    };
    fixture
        .store
        .take_in(take_in, fixture.context())
        .await
        .unwrap();
    assert_eq!(fixture.claim().await, []);
    assert_eq!(fixture.store.count_on_their_way().await.unwrap(), []);
    let log = fixture.deliveries(DeliveryFilter::default()).await;
    let states: Vec<_> = log.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Skipped]);
    assert_eq!(fixture.titles(ada).await, ["Welcome, Ada"]);
}
