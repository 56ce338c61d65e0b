//! Lists and counts.

use std::time::Duration;

use contracts::events::order::{CancelReason, OrderStatus};
use order::domain::{Entry, EntryKind, Input, Order, OrderNumber};
use order::store::OrderFilter;

use crate::contract::{Fixture, start};

async fn list(
    fixture: &Fixture,
    filter: OrderFilter,
    after: Option<OrderNumber>,
    limit: u32,
) -> Vec<Order> {
    fixture.store.orders(filter, after, limit).await.unwrap()
}

pub async fn lists_are_newest_first_and_go_on_where_they_ended(fixture: Fixture) {
    let customer = fixture.customer();
    let mut placed = Vec::new();
    for key in ["a", "b", "c", "d", "e"] {
        placed.insert(0, fixture.placed(customer, key).await);
    }
    let all = OrderFilter::default();
    assert_eq!(list(&fixture, all, None, 2).await, placed[..2]);
    let after = Some(placed[1].number);
    // What is placed meanwhile does not move what follows.
    fixture.placed(customer, "f").await;
    assert_eq!(list(&fixture, all, after, 2).await, placed[2..4]);
    let after = Some(placed[3].number);
    assert_eq!(list(&fixture, all, after, 2).await, placed[4..]);
}

pub async fn lists_are_filtered_by_customer_and_status(fixture: Fixture) {
    let (ada, bob) = (fixture.customer(), fixture.customer());
    let pending = fixture.placed(ada, "a").await;
    let confirmed = fixture.confirmed(ada, "b").await;
    let of_bob = fixture.placed(bob, "c").await;
    let filter = |customer_id, status| OrderFilter {
        customer_id,
        status,
    };
    for (filter, expected) in [
        (filter(Some(ada), None), vec![&confirmed, &pending]),
        (
            filter(None, Some(OrderStatus::Pending)),
            vec![&of_bob, &pending],
        ),
        (
            filter(Some(ada), Some(OrderStatus::Pending)),
            vec![&pending],
        ),
        (filter(Some(bob), Some(OrderStatus::Confirmed)), vec![]),
    ] {
        let found = list(&fixture, filter, None, 10).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
}

pub async fn a_timeline_has_one_entry_for_each_version(fixture: Fixture) {
    let customer = fixture.customer();
    let order = fixture.placed(customer, "k").await;
    fixture.clock.advance(Duration::from_secs(1));
    let cancel = Input::Cancel(CancelReason::Administrator);
    fixture.tell(order.id, cancel).await.unwrap();
    fixture.clock.advance(Duration::from_secs(1));
    fixture.hear("m", order.id, Input::StockReleased).await;
    let entry = |seconds, kind, detail: Option<&str>| Entry {
        at: start().plus(Duration::from_secs(seconds)),
        kind,
        detail: detail.map(str::to_owned),
    };
    let timeline = fixture.store.timeline(order.id, Some(customer)).await;
    assert_eq!(
        timeline.unwrap(),
        Some(vec![
            entry(0, EntryKind::Placed, None),
            entry(1, EntryKind::CancelRequested, Some("by the shop")),
            entry(2, EntryKind::Cancelled, None),
        ])
    );
}

pub async fn orders_in_progress_are_counted_by_status(fixture: Fixture) {
    let customer = fixture.customer();
    fixture.placed(customer, "a").await;
    fixture.placed(customer, "b").await;
    fixture.confirmed(customer, "c").await;
    // What is done is not counted.
    let refused = fixture.placed(customer, "d").await;
    let rejected = Input::StockRejected(Vec::new());
    fixture.hear("rejection", refused.id, rejected).await;
    assert_eq!(
        fixture.order(refused.id).await.status,
        OrderStatus::Rejected
    );
    let mut counts = fixture.store.count_by_status().await.unwrap();
    counts.sort_by_key(|(_, count)| *count);
    assert_eq!(
        counts,
        [(OrderStatus::Confirmed, 1), (OrderStatus::Pending, 2)]
    );
}
