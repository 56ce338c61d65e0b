//! Hearing stock, the catalog and deadlines.

use std::time::Duration;

use contracts::OrderId;
use contracts::events::order::{
    CancelReason, OrderCancelRequested, OrderCancelled, OrderConfirmed, OrderRejected, OrderStatus,
};
use contracts::events::product::ProductStatus;
use contracts::events::stock::{RejectedLine, RejectionCode};
use order::domain::Input;
use order::store::Heard;

use crate::contract::{Fixture, start};

const CANCEL: Input = Input::Cancel(CancelReason::Customer);

pub async fn stock_that_is_held_confirms_an_order_once(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    fixture.events().await;
    let hear = |message_id| fixture.hear(message_id, order.id, Input::StockReserved);
    assert_eq!(hear("m1").await, Heard::Changed(OrderStatus::Confirmed));
    assert_eq!(hear("m1").await, Heard::Nothing, "the same message again");
    assert_eq!(
        hear("m2").await,
        Heard::Nothing,
        "another one that says the same"
    );
    let confirmed = OrderConfirmed {
        order: order.summary(),
        repeated: false,
    };
    assert_eq!(fixture.events().await, [(2, confirmed.into())]);
    let order = fixture.order(order.id).await;
    assert_eq!((order.version, order.due_at), (2, None));
}

pub async fn a_rejection_is_kept_line_by_line(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    fixture.events().await;
    let lines = vec![RejectedLine {
        sku: "CUP".parse().unwrap(),
        code: RejectionCode::InsufficientStock,
    }];
    let input = Input::StockRejected(lines.clone());
    let heard = fixture.hear("m1", order.id, input).await;
    assert_eq!(heard, Heard::Changed(OrderStatus::Rejected));
    let order = fixture.order(order.id).await;
    assert_eq!(order.rejected_lines(), lines);
    let order = order.summary();
    let rejected = OrderRejected { order, lines };
    assert_eq!(fixture.events().await, [(2, rejected.into())]);
}

pub async fn a_cancelled_order_is_told_when_its_stock_is_back(fixture: Fixture) {
    let order = fixture.confirmed(fixture.customer(), "k").await;
    fixture.events().await;
    let told = fixture.tell(order.id, CANCEL).await.unwrap();
    assert_eq!(told.order.status, OrderStatus::Cancelling);
    let late = fixture.hear("late", order.id, Input::StockReserved).await;
    assert_eq!(late, Heard::Nothing);
    let heard = fixture.hear("m1", order.id, Input::StockReleased).await;
    assert_eq!(heard, Heard::Changed(OrderStatus::Cancelled));
    let reason = CancelReason::Customer;
    let requested = OrderCancelRequested {
        order_id: order.id,
        reason,
    };
    let cancelled = OrderCancelled {
        order: order.summary(),
        reason,
    };
    assert_eq!(
        fixture.events().await,
        [(3, requested.into()), (4, cancelled.into())]
    );
}

pub async fn an_expired_hold_is_answered_also_for_an_order_nobody_knows(fixture: Fixture) {
    let order = fixture.confirmed(fixture.customer(), "k").await;
    fixture.events().await;
    let unknown = OrderId::at(start());
    for (message_id, order_id) in [("m1", order.id), ("m2", unknown)] {
        let heard = fixture.hear(message_id, order_id, Input::HoldExpired).await;
        assert_eq!(heard, Heard::Repeated);
        let again = fixture.hear(message_id, order_id, Input::HoldExpired).await;
        assert_eq!(again, Heard::Nothing);
    }
    let confirmed = OrderConfirmed {
        order: order.summary(),
        repeated: true,
    };
    let disowned = OrderCancelRequested {
        order_id: unknown,
        reason: CancelReason::UnknownOrder,
    };
    assert_eq!(
        fixture.events().await,
        [(2, confirmed.into()), (1, disowned.into())]
    );
    assert_eq!(fixture.order(order.id).await, order);
    let nothing = fixture.hear("m3", unknown, Input::StockReserved).await;
    assert_eq!(nothing, Heard::Nothing);
}

pub async fn an_older_product_never_replaces_a_newer_one(fixture: Fixture) {
    let mut entry = fixture.entry("TEA", 100, 3);
    assert!(fixture.hear_product("tea-3", entry.clone()).await);
    entry.price.amount = 50;
    assert!(!fixture.hear_product("tea-3", entry.clone()).await, "heard");
    entry.version = 2;
    assert!(!fixture.hear_product("tea-2", entry.clone()).await, "older");
    let place = |key| fixture.try_place(fixture.customer(), key, &[("TEA", 1)]);
    assert_eq!(place("a").await.unwrap().order.total.amount, 100);
    entry.version = 4;
    assert!(fixture.hear_product("tea-4", entry).await);
    assert_eq!(place("b").await.unwrap().order.total.amount, 50);
}

pub async fn a_sku_may_pass_from_an_archived_product_to_a_new_one(fixture: Fixture) {
    let mut old = fixture.entry("TEA", 100, 7);
    old.status = ProductStatus::Archived;
    let new = fixture.entry("TEA", 200, 1);
    fixture.hear_product("new", new).await;
    fixture.hear_product("old", old).await;
    let placed = fixture
        .try_place(fixture.customer(), "k", &[("TEA", 1)])
        .await;
    assert_eq!(placed.unwrap().order.total.amount, 200);
}

pub async fn an_order_nobody_answered_is_given_up_and_stock_is_reminded(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    fixture.confirmed(fixture.customer(), "settled").await;
    fixture.events().await;
    let overdue = async || {
        let now = fixture.clock_now();
        fixture.store.overdue(now, 10).await.unwrap()
    };
    let pass = async || {
        let context = fixture.context();
        fixture
            .store
            .deadline_passed(order.id, context)
            .await
            .unwrap()
    };
    assert_eq!(overdue().await, []);
    assert_eq!(pass().await, Heard::Nothing, "not yet");

    fixture.clock.advance(Duration::from_hours(1));
    assert_eq!(overdue().await, [order.id]);
    assert_eq!(pass().await, Heard::Changed(OrderStatus::Cancelling));
    assert_eq!(pass().await, Heard::Nothing, "a second sweeper");
    assert_eq!(overdue().await, []);

    fixture.clock.advance(Duration::from_secs(30));
    assert_eq!(overdue().await, [order.id]);
    assert_eq!(pass().await, Heard::Repeated);
    assert_eq!(overdue().await, []);

    let requested = OrderCancelRequested {
        order_id: order.id,
        reason: CancelReason::ReservationTimeout,
    };
    assert_eq!(
        fixture.events().await,
        [(2, requested.clone().into()), (2, requested.into())]
    );
}
