//! Adjusting stock.

use std::time::Duration;

use contracts::events::stock::{StockAdjusted, StockLow};
use contracts::{Clock as _, Payload, UserId};
use product::store::{ChangeError, Inventory, Once};

use crate::contract::{Fixture, retry, sku};

pub async fn stock_from_the_start_is_an_adjustment_like_any_other(fixture: Fixture) {
    fixture.product("MUG", 7).await;
    let history = fixture
        .store
        .adjustments(sku("MUG"), None, 10)
        .await
        .unwrap();
    let [first] = history.as_slice() else {
        panic!("one adjustment: {history:?}");
    };
    assert_eq!(
        (first.quantity, first.reason.as_str()),
        (7, "initial stock")
    );
    let adjusted = StockAdjusted {
        adjustment_id: first.id,
        sku: sku("MUG"),
        quantity: 7,
        reason: "initial stock".to_owned(),
        available: 7,
    };
    let events = fixture.events().await;
    assert_eq!(events[0], (2, adjusted.into()));
    assert_eq!(events.len(), 2);
}

pub async fn an_adjustment_with_a_key_happens_once(fixture: Fixture) {
    fixture.product("MUG", 7).await;
    let caller = UserId::at(fixture.clock.now());
    let mine = retry(caller, "k");
    let tries = (0..10).map(|_| fixture.try_adjust("MUG", 3, mine.clone()));
    let outcomes = futures_util::future::join_all(tries).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    let (adjustment, inventory) = match &outcomes[0] {
        Once::Done(done) => done.clone(),
        other => panic!("the first: {other:?}"),
    };
    assert_eq!(adjustment.actor, Some(caller));
    assert_eq!((inventory.received, inventory.available), (10, 10));
    let replayed = Once::Replayed((adjustment, inventory));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == replayed));

    let mut other = mine;
    other.fingerprint = "two".to_owned();
    let reused = fixture.try_adjust("MUG", 5, other).await.unwrap();
    assert_eq!(reused, Once::KeyReused);
    assert_eq!(fixture.counts("MUG").await, (10, 0, 0));
    let stranger = retry(UserId::at(fixture.clock.now()), "k");
    let done = fixture.try_adjust("MUG", -1, stranger).await.unwrap();
    assert!(matches!(done, Once::Done(_)), "another caller's key");
    assert_eq!(fixture.counts("MUG").await, (9, 0, 0));
}

pub async fn more_than_is_available_is_never_taken_away(fixture: Fixture) {
    fixture.product("MUG", 7).await;
    fixture.place(&[("MUG", 3)]).await;
    let key = |key| retry(UserId::at(fixture.clock.now()), key);
    let refused = fixture.try_adjust("MUG", -5, key("a")).await;
    assert!(
        matches!(refused, Err(ChangeError::WouldGoNegative)),
        "{refused:?}"
    );
    let least = fixture.try_adjust("MUG", i64::MIN, key("b")).await;
    assert!(
        matches!(least, Err(ChangeError::WouldGoNegative)),
        "{least:?}"
    );
    assert_eq!(fixture.counts("MUG").await, (4, 3, 0));
    assert_eq!(fixture.adjust("MUG", -4).await.available, 0);
    assert_eq!(fixture.counts("MUG").await, (0, 3, 0));
}

pub async fn adjustments_are_listed_newest_first_and_go_on_where_they_ended(fixture: Fixture) {
    fixture.product("MUG", 0).await;
    fixture.product("CUP", 9).await;
    for quantity in 1..=5 {
        fixture.clock.advance(Duration::from_secs(1));
        fixture.adjust("MUG", quantity).await;
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = fixture.store.adjustments(sku("MUG"), after, 2).await;
        let page = page.unwrap();
        seen.push(page.iter().map(|one| one.quantity).collect::<Vec<_>>());
        match page.last() {
            Some(last) => after = Some(last.id),
            None => break,
        }
    }
    assert_eq!(seen, [vec![5, 4], vec![3, 2], vec![1], vec![]]);
}

pub async fn low_stock_is_told_once_until_it_was_above_the_threshold_again(fixture: Fixture) {
    let mug = fixture.product("MUG", 7).await.product;
    let low = |available| {
        Payload::from(StockLow {
            product_id: mug.id,
            sku: sku("MUG"),
            title: "The MUG".to_owned(),
            available,
            threshold: 5,
        })
    };
    let told = async || {
        let events = fixture.events().await.into_iter();
        events
            .map(|(_, payload)| payload)
            .filter(|payload| matches!(payload, Payload::StockLow(_)))
            .collect::<Vec<_>>()
    };
    assert_eq!(told().await, []);
    let order = fixture.place(&[("MUG", 2)]).await;
    assert_eq!(told().await, [low(5)], "by an order");
    fixture.place(&[("MUG", 2)]).await;
    fixture.adjust("MUG", 1).await;
    assert_eq!(told().await, [], "still low");
    fixture.cancel("c", order).await;
    assert_eq!(told().await, [], "above again");
    fixture.adjust("MUG", -3).await;
    assert_eq!(told().await, [low(3)], "by a person");
}

pub async fn the_adjustment_of_an_unknown_sku_is_refused(fixture: Fixture) {
    let retry = retry(UserId::at(fixture.clock.now()), "k");
    let refused = fixture.try_adjust("MUG", 5, retry.clone()).await;
    assert!(matches!(refused, Err(ChangeError::NotFound)), "{refused:?}");
    fixture.product("MUG", 0).await;
    let done = fixture.try_adjust("MUG", 5, retry).await.unwrap();
    let Once::Done((_, inventory)) = done else {
        panic!("a refusal keeps no key: {done:?}");
    };
    let expected = Inventory {
        sku: sku("MUG"),
        received: 5,
        available: 5,
        reserved: 0,
        sold: 0,
        version: 2,
    };
    assert_eq!(inventory, expected);
}
