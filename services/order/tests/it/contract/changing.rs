//! What people do with orders.

use contracts::events::order::{CancelReason, OrderDelivered, OrderShipped, OrderStatus};
use contracts::events::stock::StockLine;
use contracts::{Quantity, ShipmentId};
use order::domain::{Dispatch, Input, Refusal, ShipmentStatus, ShipmentText};
use order::store::TellError;

use crate::contract::{Fixture, request, start};

const CANCEL: Input = Input::Cancel(CancelReason::Customer);

fn parcel(lines: Option<Vec<StockLine>>) -> Input {
    Input::Ship(Dispatch {
        id: ShipmentId::at(start()),
        lines,
        carrier: ShipmentText::try_from("DHL").unwrap(),
        tracking_number: ShipmentText::try_from("JD 0001").unwrap(),
    })
}

fn mugs(pieces: u32) -> Vec<StockLine> {
    vec![StockLine {
        sku: "MUG".parse().unwrap(),
        quantity: Quantity::new(pieces).unwrap(),
    }]
}

pub async fn somebody_elses_order_is_not_there(fixture: Fixture) {
    let order = fixture.placed(fixture.customer(), "k").await;
    let stranger = Some(fixture.customer());
    let store = &fixture.store;
    assert_eq!(store.order(order.id, stranger).await.unwrap(), None);
    assert_eq!(store.timeline(order.id, stranger).await.unwrap(), None);
    let mut command = fixture.tell_command(order.id, CANCEL);
    command.owner = stranger;
    let refused = store.tell(command).await;
    assert!(matches!(refused, Err(TellError::NotFound)), "{refused:?}");
    assert_eq!(fixture.order(order.id).await, order);
}

pub async fn a_cancellation_with_a_key_happens_once(fixture: Fixture) {
    let customer = fixture.customer();
    let order = fixture.placed(customer, "k").await;
    let mut command = fixture.tell_command(order.id, CANCEL);
    command.request = Some(request(customer, "cancel"));
    let first = fixture.store.tell(command.clone()).await.unwrap();
    assert!(!first.replayed);
    fixture.hear("m1", order.id, Input::StockReleased).await;
    let again = fixture.store.tell(command.clone()).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.order, fixture.order(order.id).await);

    command.request = Some(request(customer, "another"));
    match fixture.store.tell(command.clone()).await {
        Err(TellError::Refused { refusal, allowed }) => {
            let status = OrderStatus::Cancelled;
            assert_eq!(refusal, Refusal::InvalidTransition(status));
            assert_eq!(allowed, [""; 0]);
        }
        other => panic!("{other:?}"),
    }
    let mut reused = request(customer, "k");
    reused.fingerprint = "another".to_owned();
    command.request = Some(reused);
    let reused = fixture.store.tell(command).await;
    assert!(matches!(reused, Err(TellError::KeyReused)), "{reused:?}");
}

pub async fn parcels_leave_and_arrive_and_are_read_back_as_told(fixture: Fixture) {
    let order = fixture.confirmed(fixture.customer(), "k").await;
    fixture.events().await;
    let first = fixture.tell(order.id, parcel(Some(mugs(1)))).await.unwrap();
    assert_eq!(first.order.status, OrderStatus::PartiallyShipped);
    assert_eq!(first.order.shipments[0].id.to_string(), first.object_id);
    let second = fixture.tell(order.id, parcel(None)).await.unwrap();
    assert_eq!(second.order.status, OrderStatus::Shipped);
    assert_eq!(fixture.order(order.id).await, second.order);

    let [one, two] = [0, 1].map(|place| second.order.shipments[place].id);
    let early = fixture.tell(order.id, Input::Delivered(two)).await.unwrap();
    assert_eq!(early.order.status, OrderStatus::Shipped);
    let last = fixture.tell(order.id, Input::Delivered(one)).await.unwrap();
    assert_eq!(last.order.status, OrderStatus::Delivered);
    let arrived = [ShipmentStatus::Delivered; 2];
    let statuses: Vec<_> = last
        .order
        .shipments
        .iter()
        .map(order::domain::Shipment::status)
        .collect();
    assert_eq!(statuses, arrived);
    assert_eq!(fixture.order(order.id).await, last.order);

    let shipped = |place: usize, order_status| OrderShipped {
        order: order.summary(),
        shipment: second.order.shipments[place].summary(),
        order_status,
    };
    let delivered = OrderDelivered {
        order: order.summary(),
    };
    assert_eq!(
        fixture.events().await,
        [
            (3, shipped(0, OrderStatus::PartiallyShipped).into()),
            (4, shipped(1, OrderStatus::Shipped).into()),
            (6, delivered.into()),
        ]
    );
}

pub async fn a_change_needs_the_version_somebody_has_seen(fixture: Fixture) {
    let order = fixture.confirmed(fixture.customer(), "k").await;
    let mut command = fixture.tell_command(order.id, CANCEL);
    command.seen_version = Some(1);
    let stale = fixture.store.tell(command.clone()).await;
    assert!(
        matches!(stale, Err(TellError::VersionMismatch)),
        "{stale:?}"
    );
    command.seen_version = Some(2);
    assert_eq!(fixture.store.tell(command).await.unwrap().order.version, 3);
}

pub async fn of_a_cancellation_and_a_dispatch_at_once_one_wins(fixture: Fixture) {
    let order = fixture.confirmed(fixture.customer(), "k").await;
    fixture.events().await;
    let (cancelled, shipped) = tokio::join!(
        fixture.tell(order.id, CANCEL),
        fixture.tell(order.id, parcel(None))
    );
    assert_ne!(cancelled.is_ok(), shipped.is_ok());
    assert_eq!(fixture.order(order.id).await.version, 3);
    assert_eq!(fixture.events().await.len(), 1);
}
