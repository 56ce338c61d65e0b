//! What orders do to stock.

use std::time::Duration;

use contracts::events::stock::{
    RejectedLine, RejectionCode, ReleaseOutcome, StockHoldExpired, StockRejected, StockReleased,
    StockReserved,
};
use contracts::{Clock as _, OrderId, Payload};
use product::store::{Name, StockCommand};
use serde_json::json;

use crate::contract::{Fixture, RULES, order, sku, stock_line};

fn released(order_id: OrderId, outcome: ReleaseOutcome) -> Payload {
    StockReleased { order_id, outcome }.into()
}

fn rejected(order_id: OrderId, lines: &[(&str, RejectionCode)]) -> Payload {
    let line = |(name, code): &(&str, RejectionCode)| RejectedLine {
        sku: sku(name),
        code: *code,
    };
    let lines = lines.iter().map(line).collect();
    StockRejected { order_id, lines }.into()
}

impl Fixture {
    /// The answers since the last call; what else was told is left out.
    async fn answers(&self) -> Vec<Payload> {
        let events = self.events().await.into_iter();
        let answers = events.map(|(_, payload)| payload).filter(|payload| {
            matches!(
                payload,
                Payload::StockReserved(_)
                    | Payload::StockRejected(_)
                    | Payload::StockReleased(_)
                    | Payload::StockHoldExpired(_)
            )
        });
        answers.collect()
    }
}

pub async fn a_placed_order_holds_all_its_lines_and_says_so(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    fixture.product("CUP", 50).await;
    fixture.events().await;
    let id = fixture.place(&[("MUG", 2), ("CUP", 1)]).await;
    let reserved = StockReserved {
        order_id: id,
        lines: vec![stock_line("CUP", 1), stock_line("MUG", 2)],
        held_until: fixture.clock.now().plus(RULES.hold),
    };
    assert_eq!(fixture.events().await, [(1, reserved.into())]);
    assert_eq!(fixture.counts("MUG").await, (48, 2, 0));
    assert_eq!(fixture.counts("CUP").await, (49, 1, 0));
}

pub async fn all_lines_or_none(fixture: Fixture) {
    fixture.product("A", 10).await;
    fixture.product("B", 1).await;
    fixture.product("C", 10).await;
    let id = fixture.place(&[("C", 1), ("B", 2), ("A", 1)]).await;
    let short = RejectionCode::InsufficientStock;
    assert_eq!(fixture.answers().await, [rejected(id, &[("B", short)])]);
    for (name, stock) in [("A", 10), ("B", 1), ("C", 10)] {
        assert_eq!(fixture.counts(name).await, (stock, 0, 0), "{name}");
    }
    fixture.confirm(id).await;
    assert_eq!(fixture.answers().await, [], "refused stays refused");
}

pub async fn each_line_that_cannot_be_held_has_its_code(fixture: Fixture) {
    fixture.product("OK", 10).await;
    fixture.product("SHORT", 1).await;
    let old = fixture.product("OLD", 10).await;
    fixture
        .patch(&old, json!({"status": "archived"}))
        .await
        .unwrap();
    let dear = fixture.product("DEAR", 10).await;
    let price = json!({"price": {"amount": 1_000, "currency": "USD"}});
    fixture.patch(&dear, price).await.unwrap();
    fixture.clock.advance(Duration::from_mins(16));
    let lines = [
        ("OK", 1),
        ("SHORT", 2),
        ("OLD", 1),
        ("DEAR", 1),
        ("NONE", 1),
    ];
    let id = fixture.place(&lines).await;
    let expected = rejected(
        id,
        &[
            ("DEAR", RejectionCode::PriceChanged),
            ("NONE", RejectionCode::UnknownSku),
            ("OLD", RejectionCode::ProductArchived),
            ("SHORT", RejectionCode::InsufficientStock),
        ],
    );
    assert_eq!(fixture.answers().await, [expected]);
}

pub async fn a_replaced_price_is_honoured_for_the_grace_period(fixture: Fixture) {
    let mug = fixture.product("MUG", 50).await;
    let price = |cents: i64| json!({"price": {"amount": cents, "currency": "EUR"}});
    let dearer = fixture.patch(&mug, price(2_000)).await.unwrap();
    fixture.clock.advance(Duration::from_mins(15));
    fixture.place(&[("MUG", 1)]).await;
    assert_eq!(fixture.counts("MUG").await, (49, 1, 0));
    fixture.clock.advance(Duration::from_millis(1));
    let late = fixture.place(&[("MUG", 1)]).await;
    assert_eq!(fixture.counts("MUG").await, (49, 1, 0));
    let changed = rejected(late, &[("MUG", RejectionCode::PriceChanged)]);
    assert_eq!(fixture.answers().await.pop(), Some(changed));

    // A price that came back is the price, and when it goes again its grace begins anew.
    let back = fixture.patch(&dearer, price(1_000)).await.unwrap();
    fixture.clock.advance(Duration::from_hours(1));
    fixture.place(&[("MUG", 1)]).await;
    fixture.patch(&back, price(3_000)).await.unwrap();
    fixture.place(&[("MUG", 1)]).await;
    assert_eq!(fixture.counts("MUG").await, (47, 3, 0));
    let never = order(fixture.clock.now(), &[("MUG", 1)], 1);
    let id = never.order_id;
    fixture.hear("never", StockCommand::Hold(never)).await;
    let changed = rejected(id, &[("MUG", RejectionCode::PriceChanged)]);
    assert_eq!(fixture.answers().await.pop(), Some(changed), "never asked");
}

pub async fn a_message_that_comes_again_does_nothing(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let placed = order(fixture.clock.now(), &[("MUG", 2)], 1_000);
    let id = placed.order_id;
    let hear = |message: &'static str| fixture.hear(message, StockCommand::Hold(placed.clone()));
    futures_util::future::join_all([hear("m"), hear("m"), hear("m")]).await;
    assert_eq!(fixture.answers().await.len(), 1);
    hear("another id, the same order").await;
    assert_eq!(fixture.answers().await, []);
    assert_eq!(fixture.counts("MUG").await, (48, 2, 0));
    fixture.confirm(id).await;
    hear("m").await;
    fixture.hear("c2", StockCommand::Commit(id)).await;
    assert_eq!(fixture.counts("MUG").await, (48, 0, 2));
    let back = StockCommand::Restock(id, vec![stock_line("MUG", 1)]);
    fixture.hear("r", back.clone()).await;
    fixture.hear("r", back).await;
    assert_eq!(fixture.counts("MUG").await, (49, 0, 1));
}

pub async fn confirmed_is_sold_and_cancelled_is_available_again(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let held = fixture.place(&[("MUG", 2)]).await;
    let sold = fixture.place(&[("MUG", 3)]).await;
    fixture.confirm(sold).await;
    assert_eq!(fixture.counts("MUG").await, (45, 2, 3));
    fixture.answers().await;
    fixture.cancel("c1", held).await;
    assert_eq!(fixture.counts("MUG").await, (47, 0, 3));
    fixture.cancel("c2", sold).await;
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
    let outcome = ReleaseOutcome::Released;
    let expected = [released(held, outcome), released(sold, outcome)];
    assert_eq!(fixture.answers().await, expected);
}

pub async fn every_request_to_cancel_is_answered_once(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let id = fixture.place(&[("MUG", 2)]).await;
    let refused = fixture.place(&[("MUG", 1_000)]).await;
    fixture.answers().await;
    for message in ["a", "b", "b", "c"] {
        fixture.cancel(message, id).await;
    }
    fixture.cancel("d", refused).await;
    fixture.cancel("e", refused).await;
    let nothing = ReleaseOutcome::NothingHeld;
    let expected = [
        released(id, ReleaseOutcome::Released),
        released(id, nothing),
        released(id, nothing),
        released(refused, nothing),
        released(refused, nothing),
    ];
    assert_eq!(fixture.answers().await, expected);
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
}

pub async fn an_order_cancelled_before_it_was_placed_is_never_held(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    fixture.answers().await;
    let late = order(fixture.clock.now(), &[("MUG", 2)], 1_000);
    let id = late.order_id;
    fixture.cancel("c", id).await;
    fixture.hear("p", StockCommand::Hold(late)).await;
    fixture.confirm(id).await;
    let expected = [released(id, ReleaseOutcome::NothingHeld)];
    assert_eq!(fixture.answers().await, expected);
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
}

pub async fn what_is_released_stays_released(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let placed = order(fixture.clock.now(), &[("MUG", 2)], 1_000);
    let id = placed.order_id;
    fixture.hear("p", StockCommand::Hold(placed.clone())).await;
    fixture.cancel("c", id).await;
    fixture.answers().await;
    fixture.hear("p2", StockCommand::Hold(placed)).await;
    fixture.confirm(id).await;
    let back = StockCommand::Restock(id, vec![stock_line("MUG", 2)]);
    fixture.hear("r", back).await;
    assert_eq!(fixture.answers().await, []);
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
}

pub async fn returned_pieces_can_be_sold_again_but_never_more_than_were_sold(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    fixture.product("CUP", 50).await;
    let id = fixture.place(&[("MUG", 3), ("CUP", 1)]).await;
    fixture.confirm(id).await;
    fixture.answers().await;
    let back = |lines| StockCommand::Restock(id, lines);
    fixture
        .hear("r1", back(vec![stock_line("MUG", 2), stock_line("TIE", 9)]))
        .await;
    assert_eq!(fixture.counts("MUG").await, (49, 0, 1));
    fixture.hear("r2", back(vec![stock_line("MUG", 2)])).await;
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
    assert_eq!(fixture.counts("CUP").await, (49, 0, 1));
    let restocked = released(id, ReleaseOutcome::Restocked);
    assert_eq!(fixture.answers().await, [restocked.clone(), restocked]);
    fixture.cancel("c", id).await;
    assert_eq!(fixture.counts("MUG").await, (50, 0, 0));
    assert_eq!(fixture.counts("CUP").await, (50, 0, 0));
}

pub async fn a_return_that_overtakes_the_confirmation_counts_both(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let id = fixture.place(&[("MUG", 3)]).await;
    let back = StockCommand::Restock(id, vec![stock_line("MUG", 1)]);
    fixture.hear("r", back).await;
    assert_eq!(fixture.counts("MUG").await, (48, 0, 2));
    fixture.confirm(id).await;
    assert_eq!(fixture.counts("MUG").await, (48, 0, 2));
}

pub async fn an_old_hold_is_asked_about_again_and_again_but_not_released(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    let id = fixture.place(&[("MUG", 3)]).await;
    let sold = fixture.place(&[("MUG", 1)]).await;
    fixture.confirm(sold).await;
    fixture.answers().await;
    let ask = async || {
        let store = &fixture.store;
        store
            .ask_about_old_holds(10, fixture.context())
            .await
            .unwrap()
    };
    fixture
        .clock
        .advance(RULES.hold.saturating_sub(Duration::from_millis(1)));
    assert_eq!(ask().await, 0);
    fixture.clock.advance(Duration::from_millis(1));
    for minutes in [1, 2, 4, 8, 16, 32, 64, 64] {
        assert_eq!((ask().await, ask().await), (1, 0), "{minutes}");
        let wait = Duration::from_mins(minutes);
        fixture
            .clock
            .advance(wait.saturating_sub(Duration::from_millis(1)));
        assert_eq!(ask().await, 0, "{minutes}");
        fixture.clock.advance(Duration::from_millis(1));
    }
    let expired = Payload::from(StockHoldExpired { order_id: id });
    assert_eq!(fixture.answers().await, vec![expired; 8]);
    assert_eq!(fixture.counts("MUG").await, (46, 3, 1));
    fixture.confirm(id).await;
    assert_eq!(ask().await, 0, "answered");
    assert_eq!(fixture.counts("MUG").await, (46, 0, 4));
}

pub async fn stock_never_changes_the_version_of_a_product(fixture: Fixture) {
    let before = fixture.product("MUG", 3).await;
    let id = fixture.place(&[("MUG", 3)]).await;
    fixture.confirm(id).await;
    let now = fixture.store.product(Name::Id(before.product.id)).await;
    let now = now.unwrap().unwrap();
    assert_eq!(now.product, before.product);
    assert_eq!((before.in_stock, now.in_stock), (true, false));
}

pub async fn a_hundred_orders_for_one_sku_at_once_take_exactly_what_is_there(fixture: Fixture) {
    fixture.product("HOT", 37).await;
    fixture.answers().await;
    let placing = (0..100).map(|_| fixture.place(&[("HOT", 1)]));
    futures_util::future::join_all(placing).await;
    assert_eq!(fixture.counts("HOT").await, (0, 37, 0));
    let answers = fixture.answers().await;
    let held = |answer: &&Payload| matches!(answer, Payload::StockReserved(_));
    assert_eq!(answers.len(), 100);
    assert_eq!(answers.iter().filter(held).count(), 37);
}

pub async fn a_line_beyond_what_a_quantity_holds_is_refused(fixture: Fixture) {
    fixture.product("MUG", 1_000_000_000).await;
    fixture.answers().await;
    let twice = order(
        fixture.clock.now(),
        &[("MUG", 1_000_000), ("MUG", 1)],
        1_000,
    );
    let id = twice.order_id;
    fixture.hear("p", StockCommand::Hold(twice)).await;
    let short = RejectionCode::InsufficientStock;
    assert_eq!(fixture.answers().await, [rejected(id, &[("MUG", short)])]);
    assert_eq!(fixture.counts("MUG").await, (1_000_000_000, 0, 0));
}

pub async fn what_is_told_of_one_order_at_once_is_done_as_the_state_machine_says(fixture: Fixture) {
    fixture.product("MUG", 50).await;
    fixture.answers().await;
    let orders: Vec<_> = (0..10)
        .map(|_| order(fixture.clock.now(), &[("MUG", 2)], 1_000))
        .collect();
    let hearing = orders.iter().map(async |order| {
        let id = order.order_id;
        let placed = format!("placed-{id}");
        let hold = StockCommand::Hold(order.clone());
        futures_util::join!(
            fixture.hear(&placed, hold.clone()),
            fixture.hear(&placed, hold.clone()),
            fixture.confirm(id),
            fixture.hear("twice", StockCommand::Release(orders[0].order_id)),
        );
    });
    futures_util::future::join_all(hearing).await;
    let cancelled = orders[0].order_id;
    let answers = fixture.answers().await;
    let about = |wanted: OrderId| {
        let told = answers.iter().filter(move |answer| match answer {
            Payload::StockReserved(reserved) => reserved.order_id == wanted,
            Payload::StockReleased(released) => released.order_id == wanted,
            other => panic!("{other:?}"),
        });
        told.count()
    };
    assert!((1..=2).contains(&about(cancelled)), "{answers:?}");
    for order in &orders[1..] {
        assert_eq!(about(order.order_id), 1, "{answers:?}");
    }
    // A confirmation that overtook its order was stale.
    let (available, reserved, sold) = fixture.counts("MUG").await;
    assert_eq!((available, reserved + sold), (50 - 18, 18));
}
