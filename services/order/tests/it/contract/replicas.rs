//! What two replicas of the service do at once, on one store.

use std::sync::Arc;
use std::time::Duration;

use contracts::ManualClock;
use contracts::events::order::{CancelReason, OrderCancelRequested, OrderStatus};
use futures_util::future::join_all;
use messaging::Poke;
use order::domain::{EntryKind, Input};
use order::store::{Heard, OrderFilter, OrderStore, PlaceError, TellError};
use order::sweeper::Sweeper;
use order::waiting::Waiting;
use service_kit::Present;

use crate::contract::{Fixture, request};

const CANCEL: Input = Input::Cancel(CancelReason::Customer);

/// One replica and the other in turn.
fn either(fixture: &Fixture, turn: usize) -> &Arc<dyn OrderStore> {
    if turn.is_multiple_of(2) {
        &fixture.store
    } else {
        &fixture.other
    }
}

pub async fn one_key_at_two_replicas_places_one_order(fixture: Fixture) {
    let customer = fixture.customer();
    let requests = (0..20).map(|turn| {
        let command = fixture.place_command(customer, "k", &[("MUG", 1)]);
        either(&fixture, turn).place(command)
    });
    let placements = join_all(requests).await.into_iter().map(Result::unwrap);
    let placements: Vec<_> = placements.collect();
    let new: Vec<_> = placements.iter().filter(|it| !it.replayed).collect();
    assert_eq!(new.len(), 1);
    assert!(placements.iter().all(|it| it.order == new[0].order));
    let all = fixture.store.orders(OrderFilter::default(), None, 10).await;
    assert_eq!(all.unwrap(), [new[0].order.clone()]);
    assert_eq!(fixture.events().await.len(), 1);
}

pub async fn one_key_at_two_replicas_cancels_once(fixture: Fixture) {
    let customer = fixture.customer();
    let order = fixture.placed(customer, "k").await;
    fixture.events().await;
    let tellings = (0..10).map(|turn| {
        let mut command = fixture.tell_command(order.id, CANCEL);
        command.request = Some(request(customer, "cancel"));
        either(&fixture, turn).tell(command)
    });
    let told: Vec<_> = join_all(tellings)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(told.iter().filter(|it| !it.replayed).count(), 1);
    let now = fixture.order(order.id).await;
    assert_eq!((now.status, now.version), (OrderStatus::Cancelling, 2));
    assert!(told.iter().all(|it| it.order == now));
    assert_eq!(fixture.events().await.len(), 1);
}

pub async fn one_key_for_two_requests_at_two_replicas_is_refused_to_one(fixture: Fixture) {
    let customer = fixture.customer();
    let mug = fixture.place_command(customer, "k", &[("MUG", 1)]);
    let mut cup = fixture.place_command(customer, "k", &[("CUP", 1)]);
    cup.request.fingerprint = "another".to_owned();
    let (mug, cup) = tokio::join!(fixture.store.place(mug), fixture.other.place(cup));
    let refused = |result| matches!(result, Err(PlaceError::KeyReused));
    assert_ne!(refused(mug), refused(cup));
    assert_eq!(fixture.events().await.len(), 1);
}

pub async fn one_message_at_two_replicas_is_heard_once(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    fixture.events().await;
    let hearings = (0..10).map(|turn| {
        let (message_id, context) = ("m".to_owned(), fixture.context());
        either(&fixture, turn).hear_stock(message_id, order.id, Input::StockReserved, context)
    });
    let heard: Vec<_> = join_all(hearings)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let changed = Heard::Changed(OrderStatus::Confirmed);
    assert_eq!(heard.iter().filter(|it| **it == changed).count(), 1);
    assert_eq!(heard.iter().filter(|it| **it == Heard::Nothing).count(), 9);
    assert_eq!(fixture.order(order.id).await.version, 2);

    // Its effect leaves the order's version as it is, so nothing but the inbox tells.
    let hearings = (0..10).map(|turn| {
        let (message_id, context) = ("expired".to_owned(), fixture.context());
        either(&fixture, turn).hear_stock(message_id, order.id, Input::HoldExpired, context)
    });
    let heard: Vec<_> = join_all(hearings)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(heard.iter().filter(|it| **it == Heard::Repeated).count(), 1);
    assert_eq!(
        fixture.events().await.len(),
        2,
        "confirmed, and confirmed again"
    );
}

pub async fn two_steps_at_two_replicas_follow_each_other(fixture: Fixture) {
    for attempt in 0..10 {
        let key = format!("k{attempt}");
        let order = fixture.placed(fixture.customer(), &key).await;
        let cancel = fixture.tell_command(order.id, CANCEL);
        let (told, heard) = tokio::join!(
            fixture.store.tell(cancel),
            fixture
                .other
                .hear_stock(key, order.id, Input::StockReserved, fixture.context())
        );
        // Whichever was first: a confirmed order can be cancelled, and one that is being cancelled ignores that stock is held.
        let told = told.unwrap();
        assert_eq!(told.order.status, OrderStatus::Cancelling);
        let timeline = fixture
            .store
            .timeline(order.id, None)
            .await
            .unwrap()
            .unwrap();
        let kinds: Vec<EntryKind> = timeline.iter().map(|entry| entry.kind).collect();
        match heard.unwrap() {
            Heard::Changed(OrderStatus::Confirmed) => assert_eq!(
                kinds,
                [
                    EntryKind::Placed,
                    EntryKind::Confirmed,
                    EntryKind::CancelRequested
                ]
            ),
            Heard::Nothing => {
                assert_eq!(kinds, [EntryKind::Placed, EntryKind::CancelRequested]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(fixture.order(order.id).await, told.order);
    }
    let stale = fixture.placed(fixture.customer(), "stale").await;
    let mut seen = [
        fixture.tell_command(stale.id, CANCEL),
        fixture.tell_command(stale.id, CANCEL),
    ];
    seen[0].seen_version = Some(1);
    seen[1].seen_version = Some(1);
    let [first, second] = seen;
    let (first, second) = tokio::join!(fixture.store.tell(first), fixture.other.tell(second));
    let refused = |result| matches!(result, Err(TellError::VersionMismatch));
    assert_ne!(refused(first), refused(second));
}

pub async fn two_sweepers_give_up_and_remind_once(fixture: Fixture) {
    let mut placed = Vec::new();
    for turn in 0..20 {
        placed.push(
            fixture
                .placed(fixture.customer(), &format!("k{turn}"))
                .await
                .id,
        );
    }
    fixture.events().await;
    placed.sort_unstable();
    for later in [Duration::from_hours(1), Duration::from_secs(30)] {
        fixture.clock.advance(later);
        let sweeper = |store: &Arc<dyn OrderStore>| Sweeper {
            store: Arc::clone(store),
            waiting: Waiting::default(),
            poke: Poke::new(),
            present: Present::new(Arc::new(ManualClock::at(fixture.clock_now()))),
        };
        let (one, other) = (sweeper(&fixture.store), sweeper(&fixture.other));
        let (one, other) = tokio::join!(one.sweep(), other.sweep());
        assert_eq!(one.unwrap() + other.unwrap(), placed.len());
        let mut told: Vec<_> = fixture.events().await;
        told.sort_by_key(|(_, event)| format!("{event:?}"));
        let expected = placed.iter().map(|order_id| {
            let reason = CancelReason::ReservationTimeout;
            let order_id = *order_id;
            (2, OrderCancelRequested { order_id, reason }.into())
        });
        assert_eq!(told, expected.collect::<Vec<_>>());
    }
}

pub async fn two_replicas_hear_a_product_once_and_keep_its_latest_version(fixture: Fixture) {
    let entry = fixture.entry("TEA", 100, 1);
    let hearings = (0..20_usize).map(|turn| {
        let mut entry = entry.clone();
        entry.version = 1 + u64::try_from(turn / 2).unwrap();
        entry.price.amount = 100 + i64::try_from(turn / 2).unwrap();
        let message_id = format!("tea-{}", entry.version);
        either(&fixture, turn).hear_product(message_id, entry, fixture.context())
    });
    let heard = join_all(hearings).await.into_iter().map(Result::unwrap);
    let changes = heard.filter(|changed| *changed).count();
    assert!((1..=10).contains(&changes), "{changes}");
    let placed = fixture
        .try_place(fixture.customer(), "k", &[("TEA", 1)])
        .await;
    assert_eq!(placed.unwrap().order.total.amount, 109);
}
