//! Placing.

use std::time::Duration;

use contracts::Money;
use contracts::events::order::{CancelReason, OrderPlaced, OrderStatus};
use order::domain::{Input, OrderNumber, PricingError};
use order::store::{PlaceError, Placement};

use crate::contract::{Fixture, request, start};

pub async fn a_placed_order_is_stored_priced_and_told_once(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    assert_eq!(order.status, OrderStatus::Pending);
    assert_eq!(order.total, Money::new(3098, "EUR".parse().unwrap()));
    assert_eq!(order.due_at, Some(start().plus(Duration::from_hours(1))));
    assert_eq!(fixture.order(order.id).await, order);
    let told = OrderPlaced {
        order: order.summary(),
    };
    assert_eq!(fixture.events().await, [(1, told.into())]);
}

pub async fn the_same_request_again_is_the_same_order_as_it_is_now(fixture: Fixture) {
    let customer = fixture.customer();
    let order = fixture.confirmed(customer, "k").await;
    fixture.events().await;
    let again = fixture
        .try_place(customer, "k", &[("MUG", 2), ("CUP", 1)])
        .await;
    let expected = Placement {
        order: order.clone(),
        replayed: true,
    };
    assert_eq!(again.unwrap(), expected);
    let first = request(customer, "k");
    let before = fixture.store.placed_before(first).await.unwrap();
    assert_eq!(before, Some(order));
    let unused = request(customer, "unused");
    assert_eq!(fixture.store.placed_before(unused).await.unwrap(), None);
    assert_eq!(fixture.events().await, []);
}

pub async fn the_key_of_another_request_is_refused_and_that_of_another_caller_is_another(
    fixture: Fixture,
) {
    let customer = fixture.customer();
    let order = fixture.placed(customer, "k").await;
    let mut other = fixture.place_command(customer, "k", &[("CUP", 1)]);
    other.request.fingerprint = "another".to_owned();
    let before = fixture.store.placed_before(other.request.clone()).await;
    assert!(matches!(before, Err(PlaceError::KeyReused)), "{before:?}");
    let refused = fixture.store.place(other).await;
    assert!(matches!(refused, Err(PlaceError::KeyReused)), "{refused:?}");
    let somebody_else = fixture.placed(fixture.customer(), "k").await;
    assert_ne!(somebody_else.id, order.id);
}

pub async fn many_requests_with_one_key_at_once_place_one_order(fixture: Fixture) {
    let customer = fixture.customer();
    let requests = (0..20).map(|_| fixture.try_place(customer, "k", &[("MUG", 1)]));
    let placements = futures_util::future::join_all(requests).await;
    let placements: Vec<Placement> = placements.into_iter().map(Result::unwrap).collect();
    let first = &placements[0].order;
    assert!(placements.iter().all(|placement| placement.order == *first));
    let new = placements.iter().filter(|placement| !placement.replayed);
    assert_eq!(new.count(), 1);
    assert_eq!(fixture.events().await.len(), 1);
}

pub async fn what_cannot_be_ordered_leaves_nothing_behind(fixture: Fixture) {
    let customer = fixture.customer();
    let palace = fixture.entry("PALACE", i64::MAX, 1);
    fixture.hear_product("PALACE-1", palace).await;
    for (items, refusal) in [
        (
            vec![("MUG", 1), ("NO", 1)],
            PricingError::UnknownSku(vec![1]),
        ),
        (vec![("POT", 1)], PricingError::Archived(vec![0])),
        (
            vec![("MUG", 1), ("TIE", 1)],
            PricingError::MixedCurrencies(vec![1]),
        ),
        (vec![("PALACE", 2)], PricingError::AmountOverflow),
    ] {
        let refused = fixture.try_place(customer, "k", &items).await;
        match refused {
            Err(PlaceError::Pricing(error)) => assert_eq!(error, refusal),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fixture.store.count_by_status().await.unwrap(), []);
    assert_eq!(fixture.events().await, []);
    // The key is free for the corrected request.
    fixture.placed(customer, "k").await;
}

pub async fn numbers_count_up_and_none_is_given_twice(fixture: Fixture) {
    let customer = fixture.customer();
    let mut numbers = Vec::new();
    for key in ["a", "b", "c"] {
        // What is refused may take a number with it: a counter without gaps would make each order wait for the one before.
        let _ = fixture.try_place(customer, key, &[("NO", 1)]).await;
        let order = fixture.placed(customer, key).await;
        numbers.push(order.number);
        let _ = fixture
            .tell(order.id, Input::Cancel(CancelReason::Customer))
            .await;
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(OrderNumber::of(0) < numbers[0]);
    let at_once = (0..20).map(|_| async {
        let caller = fixture.customer();
        fixture.placed(caller, "at once").await.number
    });
    numbers.extend(futures_util::future::join_all(at_once).await);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 23);
}
