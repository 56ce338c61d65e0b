//! The order service together with a broker and the services it talks to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::events::product::{ProductArchived, ProductCreated};
use contracts::topology::{self, Binding};
use contracts::{EventType, Payload};
use messaging::{Broker, BrokerError, Confirms, Message, Subscription};
use serde_json::json;
use testkit::wait;

use crate::service::{
    Setup, just, problem, released, reserved, start, start_with, two_mugs_and_a_cup,
};

#[tokio::test]
async fn a_hundred_orders_find_their_outcome() {
    let service = start().await;
    service.play_stock();
    let customer = service.customer();
    let place = |n: u32| {
        let (customer, sku) = (&customer, if n.is_multiple_of(4) { "CUP" } else { "MUG" });
        async move {
            let reply = customer.place_order(&n.to_string(), sku, 1).await.unwrap();
            let id = reply.expect(201).unwrap().text("/id").unwrap().to_owned();
            let order = customer.settled_order(&id).await.unwrap();
            order["status"].as_str().unwrap().to_owned()
        }
    };
    let outcomes = futures_util::future::join_all((0..100).map(place)).await;
    let confirmed = outcomes.iter().filter(|status| *status == "confirmed");
    assert_eq!(confirmed.count(), 75);
    let rejected = outcomes.iter().filter(|status| *status == "rejected");
    assert_eq!(rejected.count(), 25);
    service.stop().await;
}

#[tokio::test]
async fn an_order_that_stock_never_answers_is_cancelled_and_stock_is_asked_until_it_answers() {
    let service = start().await;
    let customer = service.customer();
    let id = service.placed(&customer).await;
    service.clock.advance(Duration::from_hours(1));
    let order = service.wait_for_status(&customer, id, "cancelling").await;
    assert_eq!(order["cancel_reason"], "reservation_timeout");
    service.clock.advance(Duration::from_secs(30));

    let queue = topology::PRODUCT_ORDERS;
    let mut questions = service.broker.subscribe(queue, 8).await.unwrap();
    let mut asked = HashSet::new();
    while asked.len() < 2 {
        let question = questions.next().await.unwrap();
        let event = question.message.decode().unwrap();
        if let Payload::OrderCancelRequested(request) = event.payload {
            assert_eq!(request.order_id, id);
            asked.insert(event.id);
        }
        question.ack().await.unwrap();
    }
    service.tell(1, released(id)).await;
    service.wait_for_status(&customer, id, "cancelled").await;
    // What comes late changes nothing any more, and what comes after it is still heard.
    service.tell(1, reserved(id)).await;
    let other = service.confirmed(&customer).await;
    service.wait_for_status(&customer, other, "confirmed").await;
    service.wait_for_status(&customer, id, "cancelled").await;
    service.stop().await;
}

#[tokio::test]
async fn a_message_that_comes_three_times_has_one_effect() {
    let service = start().await;
    let customer = service.customer();
    let id = service.placed(&customer).await;
    let payload = Payload::from(reserved(id));
    let message = crate::service::message(crate::contract::start(), 1, &payload);
    for _ in 0..3 {
        let batch = vec![message.clone()];
        service.broker.publish(batch).await.unwrap();
    }
    let other = service.confirmed(&customer).await;
    service.wait_for_status(&customer, other, "confirmed").await;
    let order = service.wait_for_status(&customer, id, "confirmed").await;
    assert_eq!(order["version"], 2);
    service.stop().await;
}

#[tokio::test]
async fn an_archived_product_cannot_be_ordered_any_more() {
    let service = start().await;
    let customer = service.customer();
    let product = crate::service::eur_product("TEA", 100);
    let created = ProductCreated {
        product: product.clone(),
    };
    service.tell(1, created).await;
    let place = async |key: &str| customer.place_order(key, "TEA", 1).await.unwrap();
    let place = &place;
    let known = || async { Ok((place("a").await.status == 201).then_some(())) };
    wait::until("the tea", known).await.unwrap();
    service.tell(2, ProductArchived { product }).await;
    // A key that placed an order would only show that order again.
    let mut tries = 0;
    let archived = || {
        tries += 1;
        let key = format!("try-{tries}");
        async move {
            let reply = place(&key).await;
            Ok((reply.status == 422).then(|| reply.body["code"].clone()))
        }
    };
    assert_eq!(
        wait::until("the archive", archived).await.unwrap(),
        "product_archived"
    );
    service.stop().await;
}

#[tokio::test]
async fn a_message_nobody_understands_is_parked_for_a_person_and_those_behind_it_are_heard() {
    let service = start().await;
    let (customer, admin) = (service.customer(), service.admin());
    let id = service.placed(&customer).await;
    let payload = Payload::from(reserved(id));
    let mut poison = crate::service::message(crate::contract::start(), 1, &payload);
    poison.body = r#"{"order_id":"broken"}"#.to_owned();
    service.broker.publish(vec![poison.clone()]).await.unwrap();
    service.tell(1, reserved(id)).await;
    service.wait_for_status(&customer, id, "confirmed").await;

    let path = "/api/v1/admin/services/order/parked-messages";
    let parked = wait::until("the parked message", || async {
        let list = admin.get(path).await?.expect(200)?;
        Ok(list.body["data"].get(0).cloned())
    });
    let parked = parked.await.unwrap();
    assert_eq!(parked["id"], poison.id);
    assert_eq!(parked["type"], EventType::StockReserved.as_str());
    assert_eq!(parked["queue"], "order.stock");
    let discard = format!("{path}/{}/discard", poison.id);
    admin
        .post(&discard, &json!({}))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    assert_eq!(admin.get(path).await.unwrap().body["data"], json!([]));
    service.stop().await;
}

/// A broker that lets messages in, and takes none while it is away.
struct Away(Arc<dyn Broker>);

#[async_trait]
impl Broker for Away {
    fn kind(&self) -> &'static str {
        "away"
    }

    async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError> {
        self.0.declare(bindings).await
    }

    async fn publish(&self, _: Vec<Message>) -> Result<Confirms, BrokerError> {
        Err(BrokerError::Closed)
    }

    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError> {
        self.0.subscribe(queue, prefetch).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[tokio::test]
async fn orders_are_accepted_while_the_broker_is_away_until_too_many_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broker.db");
    let broker = messaging::embedded::EmbeddedBroker::open(&path)
        .await
        .unwrap();
    let mut service = start_with(Setup {
        broker: Some(Arc::new(Away(broker.clone()))),
        outbox_cap: Some(3),
        ..Setup::default()
    })
    .await;
    // The way in works: only what this service tells does not get out.
    service.broker = broker;
    service.fill_catalog().await;
    let customer = service.customer();
    let place = async |key: &str| {
        let body = two_mugs_and_a_cup();
        customer
            .post_once("/api/v1/orders", key, &body)
            .await
            .unwrap()
    };
    for key in ["a", "b", "c"] {
        place(key).await.expect(201).unwrap();
    }
    let refused = place("d").await;
    assert_eq!(problem(&refused), just(503, "outbox_full"));
    assert_eq!(refused.header("retry-after"), Some("10"));
    let again = place("a").await.expect(201).unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    service.stop().await;
}
