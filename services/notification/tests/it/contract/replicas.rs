//! Two replicas of the service on one store, at the same time. A store that only one process works on is given twice: what
//! its process does at the same time must hold as well.

use std::collections::BTreeSet;

use contracts::{Event, Role, UserId};
use futures_util::future::join_all;
use notification::domain::Channel;
use notification::store::{DeliveryFilter, Recorded, TakeInError, TakenIn, Tried};
use testkit::wait;

use crate::contract::{Fixture, LEASE};
use crate::samples;

const TOLD: TakenIn = TakenIn::Done { told: 1 };

/// Events about accounts, in turn.
fn confirmations(accounts: &[UserId], count: u64) -> Vec<Event> {
    (0..count)
        .zip(accounts.iter().cycle())
        .map(|(version, account)| samples::event(version, samples::confirmed(*account)))
        .collect()
}

/// The numbers of an account's stream after its welcome.
async fn numbers(fixture: &Fixture, account: UserId) -> Vec<i64> {
    let stream = fixture.other.stream_after(account, 1, 1_000).await.unwrap();
    stream.iter().map(|told| told.stream_seq).collect()
}

pub async fn one_event_at_two_replicas_is_told_once(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    for event in confirmations(&[ada], 10) {
        let both = fixture
            .replicas()
            .map(|replica| fixture.take_in_at(replica, &event));
        let mut both: Vec<_> = join_all(both)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        both.sort_by_key(|taken| *taken == TakenIn::Repeated);
        assert_eq!(both, [TOLD, TakenIn::Repeated]);
    }
    assert_eq!(numbers(&fixture, ada).await, (2..=11).collect::<Vec<_>>());
}

pub async fn an_account_is_numbered_without_gaps_by_two_replicas(fixture: Fixture) {
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    let events = confirmations(&[ada, bob, ada], 60);
    // One in ten cannot be told, and must leave no gap.
    let nobody = UserId::at(fixture.now());
    let taken = events.iter().enumerate().map(async |(index, event)| {
        let replica = fixture.replicas()[index % 2];
        if index % 10 == 0 {
            let untold = samples::event(1, samples::confirmed(nobody));
            fixture.take_in_at(replica, &untold).await.unwrap_err();
        }
        fixture.take_in_at(replica, event).await.unwrap()
    });
    let taken = join_all(taken).await;
    assert!(taken.iter().all(|taken| *taken == TOLD));
    for (account, last) in [(ada, 41), (bob, 21)] {
        assert_eq!(
            numbers(&fixture, account).await,
            (2..=last).collect::<Vec<_>>()
        );
        assert_eq!(fixture.store.stream_end(account).await.unwrap(), last);
    }
}

pub async fn accounts_that_become_known_while_they_are_told_of_events_are_told_each_once(
    fixture: Fixture,
) {
    for _ in 0..10 {
        let ada = UserId::at(fixture.now());
        let event = samples::event(2, samples::confirmed(ada));
        let registered = samples::registered(ada, "Ada", &[Role::Customer]);
        let registered = samples::event(1, registered);
        // The same event six times, and in the middle of them what makes its recipient known, also twice.
        let order = [
            &event,
            &event,
            &registered,
            &event,
            &event,
            &registered,
            &event,
            &event,
        ];
        let taken = order.iter().enumerate().map(|(index, event)| {
            let replica = fixture.replicas()[index % 2];
            fixture.take_in_at(replica, event)
        });
        let taken = join_all(taken).await;
        let told = taken
            .iter()
            .filter(|taken| matches!(taken, Ok(told) if *told == TOLD));
        let unknown =
            |taken: &&_| matches!(taken, Err(TakeInError::UnknownRecipient(id)) if *id == ada);
        let refused = taken.iter().filter(unknown).count();
        let repeated = taken
            .iter()
            .filter(|taken| matches!(taken, Ok(TakenIn::Repeated)));
        let (told, repeated) = (told.count(), repeated.count());
        assert_eq!(told + repeated + refused, order.len(), "{taken:?}");
        // Who was refused comes again.
        let again = fixture.take_in_at(&fixture.other, &event).await.unwrap();
        assert_eq!(again == TOLD, told == 1, "{taken:?}");
        assert_eq!(fixture.titles(ada).await.len(), 2, "{taken:?}");
        assert_eq!(fixture.store.stream_end(ada).await.unwrap(), 2);
    }
}

pub async fn two_replicas_that_tell_the_same_accounts_do_not_hold_each_other_up(fixture: Fixture) {
    let mut keepers = Vec::new();
    for name in ["Ada", "Bob", "Eve", "Joe"] {
        let user_id = UserId::at(fixture.now());
        keepers.push(user_id);
        let registered = samples::registered(user_id, name, &[Role::Catalog]);
        fixture.take_in(1, registered).await;
    }
    // Whatever is taken in first, both replicas lock the same rows.
    let taken = (0..40).map(async |version| {
        let replica = fixture.replicas()[version % 2];
        let event = if version % 4 == 3 {
            let keeper = keepers[(version / 4) % keepers.len()];
            samples::event(9, samples::renamed(keeper, "Renamed"))
        } else {
            samples::event(1, samples::low())
        };
        fixture.take_in_at(replica, &event).await.unwrap()
    });
    join_all(taken).await;
    for keeper in keepers {
        assert_eq!(
            numbers(&fixture, keeper).await,
            (2..=31).collect::<Vec<_>>()
        );
    }
}

pub async fn two_senders_never_claim_the_same_delivery(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    for event in confirmations(&[ada], 49) {
        fixture.try_take_in(&event).await.unwrap();
    }
    let mut claimed = Vec::new();
    loop {
        let both = fixture.replicas().map(|replica| {
            let now = fixture.now();
            replica.claim(Channel::Email, 7, LEASE, Some(now), now)
        });
        let both = join_all(both).await;
        let more = both.into_iter().flat_map(Result::unwrap);
        let before = claimed.len();
        claimed.extend(more.map(|claimed| (claimed.id, claimed.attempt)));
        if claimed.len() == before {
            break;
        }
    }
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((distinct.len(), claimed.len()), (50, 50));
    assert!(claimed.iter().all(|(_, attempt)| *attempt == 1));
}

pub async fn a_try_is_recorded_by_one_of_two_replicas(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    for event in confirmations(&[ada], 9) {
        fixture.try_take_in(&event).await.unwrap();
    }
    for claimed in fixture.claim().await {
        let both = fixture.replicas().map(|replica| {
            let context = fixture.context();
            replica.record(vec![claimed.came_to(Tried::Sent)], context)
        });
        let both = join_all(both).await.into_iter();
        let mut both: Vec<_> = both.flat_map(Result::unwrap).collect();
        both.sort_by_key(|recorded| *recorded != Recorded::Now);
        assert_eq!(both, [Recorded::Now, Recorded::Before]);
    }
    assert_eq!(fixture.events().await.len(), 10, "each told once");
}

pub async fn a_stream_that_is_followed_while_two_replicas_tell_misses_nothing(fixture: Fixture) {
    let accounts = [fixture.customer("Ada").await, fixture.customer("Bob").await];
    let start = fixture.other.last_position().await.unwrap();
    let events = confirmations(&accounts, 100);
    let telling = async {
        let taken = events
            .iter()
            .enumerate()
            .map(|(index, event)| fixture.take_in_at(fixture.replicas()[index % 2], event));
        let taken = join_all(taken).await;
        assert!(taken.into_iter().all(|taken| taken.unwrap() == TOLD));
    };
    // As live streams do it: an account is read only when it is named, from the last number that was seen.
    let following = async {
        let (mut position, mut seen) = (start, [1, 1]);
        while seen != [51, 51] {
            let news = fixture.other.news_after(position, 5).await.unwrap();
            for (account, seen) in accounts.iter().zip(&mut seen) {
                if !news.accounts.contains(account) {
                    continue;
                }
                let more = fixture.other.stream_after(*account, *seen, 1_000).await;
                for told in more.unwrap() {
                    assert_eq!(told.stream_seq, *seen + 1, "in order, without gaps");
                    *seen = told.stream_seq;
                }
            }
            position = news.position;
            tokio::task::yield_now().await;
        }
    };
    let both = async { tokio::join!(telling, following) };
    tokio::time::timeout(wait::PATIENCE, both).await.unwrap();
}

pub async fn two_sweepers_remove_each_row_once(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    for event in confirmations(&[ada], 29) {
        fixture.try_take_in(&event).await.unwrap();
    }
    for claimed in fixture.claim().await {
        assert_eq!(fixture.record(&claimed, Tried::Sent).await, Recorded::Now);
    }
    fixture.clock.advance(LEASE);
    let mut removed = 0;
    loop {
        let now = fixture.now();
        let both = fixture.replicas().map(|replica| replica.sweep(now, now, 7));
        let swept: usize = join_all(both).await.into_iter().map(Result::unwrap).sum();
        if swept == 0 {
            break;
        }
        removed += swept;
    }
    assert_eq!(removed, 60, "notifications and deliveries");
    assert_eq!(fixture.deliveries(DeliveryFilter::default()).await, []);
    assert_eq!(numbers(&fixture, ada).await, [0; 0]);
}
