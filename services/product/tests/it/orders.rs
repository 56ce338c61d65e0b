//! The product service together with a broker and orders.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::events::order::{
    CancelReason, OrderCancelRequested, OrderConfirmed, OrderPlaced, OrderReturned, OrderSummary,
};
use contracts::events::stock::{ReleaseOutcome, StockHoldExpired, StockReleased, StockReserved};
use contracts::{Clock as _, EventType, OrderId, Payload, topology};
use serde_json::json;
use testkit::wait;

use crate::contract::{RULES, order, stock_line};
use crate::service::{Service, start};

fn placed(service: &Service, pieces: u32) -> OrderSummary {
    order(service.clock.now(), &[("A", pieces)], 1_000)
}

fn cancel(order_id: OrderId) -> OrderCancelRequested {
    let reason = CancelReason::Customer;
    OrderCancelRequested { order_id, reason }
}

fn released(order_id: OrderId, outcome: ReleaseOutcome) -> (OrderId, Payload) {
    (order_id, StockReleased { order_id, outcome }.into())
}

#[tokio::test]
async fn an_order_is_held_sold_sent_back_and_undone() {
    let service = start().await;
    service.product("A", 10).await;
    let order = placed(&service, 3);
    let id = order.order_id;
    let held_until = service.clock.now().plus(RULES.hold);
    service
        .tell(OrderPlaced {
            order: order.clone(),
        })
        .await;
    service.wait_for_stock("A", (7, 3, 0)).await;
    service
        .tell(OrderConfirmed {
            order,
            repeated: false,
        })
        .await;
    service.wait_for_stock("A", (7, 0, 3)).await;
    let lines = vec![stock_line("A", 1)];
    service
        .tell(OrderReturned {
            order_id: id,
            lines,
        })
        .await;
    service.wait_for_stock("A", (8, 0, 2)).await;
    service.tell(cancel(id)).await;
    service.wait_for_stock("A", (10, 0, 0)).await;
    let reserved = StockReserved {
        order_id: id,
        lines: vec![stock_line("A", 3)],
        held_until,
    };
    assert_eq!(
        service.answers(3).await,
        [
            (id, reserved.into()),
            released(id, ReleaseOutcome::Restocked),
            released(id, ReleaseOutcome::Released),
        ]
    );
    service.stop().await;
}

#[tokio::test]
async fn a_hundred_orders_at_once_get_exactly_what_is_there() {
    let service = start().await;
    service.product("A", 30).await;
    let orders: Vec<_> = (0..100).map(|_| placed(&service, 1)).collect();
    let telling = orders.iter().map(|order| {
        service.tell(OrderPlaced {
            order: order.clone(),
        })
    });
    futures_util::future::join_all(telling).await;
    let answers: BTreeMap<OrderId, Payload> = service.answers(100).await.into_iter().collect();
    assert_eq!(answers.len(), 100, "one answer each");
    let held = answers
        .values()
        .filter(|answer| answer.event_type() == EventType::StockReserved);
    assert_eq!(held.count(), 30);
    service.wait_for_stock("A", (0, 30, 0)).await;
    service.stop().await;
}

#[tokio::test]
async fn a_message_that_comes_three_times_has_one_effect() {
    let service = start().await;
    service.product("A", 10).await;
    let order = placed(&service, 1);
    let message = service.tell(OrderPlaced { order }).await;
    let again = vec![message.clone(), message];
    service.broker.publish(again).await.unwrap();
    // Heard after them, on one queue.
    let other = placed(&service, 2);
    service.tell(OrderPlaced { order: other }).await;
    service.wait_for_stock("A", (7, 3, 0)).await;
    let last = OrderId::at(service.clock.now());
    service.tell(cancel(last)).await;
    let answers = service.answers(3).await;
    let nothing = released(last, ReleaseOutcome::NothingHeld);
    assert_eq!(
        answers.iter().filter(|answer| **answer == nothing).count(),
        1
    );
    service.wait_for_stock("A", (7, 3, 0)).await;
    service.stop().await;
}

#[tokio::test]
async fn an_old_hold_is_asked_about_by_itself() {
    let service = start().await;
    service.product("A", 10).await;
    let order = placed(&service, 1);
    let id = order.order_id;
    service
        .tell(OrderPlaced {
            order: order.clone(),
        })
        .await;
    assert_eq!(service.answers(1).await[0].0, id);
    service.clock.advance(RULES.hold);
    let expired = [(id, StockHoldExpired { order_id: id }.into())];
    assert_eq!(service.answers(1).await, expired);
    service.clock.advance(Duration::from_mins(1));
    assert_eq!(service.answers(1).await, expired);
    service.wait_for_stock("A", (9, 1, 0)).await;
    service
        .tell(OrderConfirmed {
            order,
            repeated: false,
        })
        .await;
    service.wait_for_stock("A", (9, 0, 1)).await;
    service.stop().await;
}

#[tokio::test]
async fn the_catalog_is_told_to_orders_and_low_stock_to_notification() {
    let service = start().await;
    let product = service.product("A", 10).await;
    let mut catalog = service
        .broker
        .subscribe(topology::ORDER_CATALOG, 8)
        .await
        .unwrap();
    let told = catalog.next().await.unwrap();
    assert_eq!(told.message.correlation_id, product["id"].as_str().unwrap());
    let Payload::ProductCreated(created) = told.message.decode().unwrap().payload else {
        panic!("{:?}", told.message);
    };
    assert_eq!(created.product.title, "The A");
    told.ack().await.unwrap();
    service
        .tell(OrderPlaced {
            order: placed(&service, 6),
        })
        .await;
    let queue = topology::NOTIFICATION_INTAKE;
    let mut intake = service.broker.subscribe(queue, 8).await.unwrap();
    // The order itself is heard there too.
    loop {
        let heard = intake.next().await.unwrap();
        let event = heard.message.decode().unwrap();
        heard.ack().await.unwrap();
        if let Payload::StockLow(low) = event.payload {
            assert_eq!(
                (low.available, low.threshold, low.title.as_str()),
                (4, 5, "The A")
            );
            break;
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_message_nobody_understands_is_parked_and_those_behind_it_are_heard() {
    let service = start().await;
    service.product("A", 10).await;
    let mut poison = service
        .tell(OrderPlaced {
            order: placed(&service, 1),
        })
        .await;
    service.wait_for_stock("A", (9, 1, 0)).await;
    poison.id = contracts::EventId::at(service.clock.now()).to_string();
    poison.body = json!({"order": {"order_id": "broken"}}).to_string();
    service.broker.publish(vec![poison.clone()]).await.unwrap();
    service
        .tell(OrderPlaced {
            order: placed(&service, 2),
        })
        .await;
    service.wait_for_stock("A", (7, 3, 0)).await;
    let admin = service.signed_in(&[contracts::Role::Admin]);
    let path = "/api/v1/admin/services/product/parked-messages";
    let parked = wait::until("the parked message", || async {
        let list = admin.get(path).await?.expect(200)?;
        Ok(list.body["data"].get(0).cloned())
    });
    let parked = parked.await.unwrap();
    assert_eq!(parked["id"], poison.id);
    assert_eq!(parked["queue"], topology::PRODUCT_ORDERS);
    service.stop().await;
}
