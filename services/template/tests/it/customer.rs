//! A customer, from a delivery to a review.

use contracts::{Clock as _, Event, EventId, EventType, Payload, Role, SystemClock, UserId};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Reply, send};
use testkit::wait;

use crate::place::Place;
use crate::process::Process;

/// An order of `MUG-BLUE-330` that arrived, and whose it is.
fn delivered() -> (Event, UserId) {
    let sample = include_str!("../../../../crates/contracts/samples/order.delivered.v1.json");
    let payload = Payload::from_json(EventType::OrderDelivered, sample).unwrap();
    let Payload::OrderDelivered(order) = &payload else {
        panic!("{payload:?}");
    };
    let (now, order) = (SystemClock.now(), order.order.clone());
    let event = Event {
        id: EventId::at(now),
        occurred_at: now,
        aggregate_version: 5,
        correlation_id: order.order_id.to_string(),
        payload,
    };
    (event, order.customer_id)
}

async fn review(client: &Client, stars: i32) -> Reply {
    let path = "/api/v1/me/reviews/MUG-BLUE-330";
    let review = client
        .request(Method::PUT, path)
        .json(&json!({"stars": stars}));
    send(review).await.unwrap()
}

async fn rating(client: &Client) -> Value {
    let rating = client.get("/api/v1/reviews/MUG-BLUE-330").await.unwrap();
    rating.expect(200).unwrap().body
}

#[tokio::test]
async fn who_was_delivered_a_product_may_review_it_and_everybody_sees_that() {
    let place = Place::new().await;
    let service = Process::start(&place.variables);
    let waits = service.until_health("it to wait for its migration", |health| {
        let reason = health["reason"].as_str().unwrap_or_default();
        reason.contains("run `reviews migrate`")
    });
    waits.await;
    let said = Process::said(&["migrate", "--wait", "60"], &place.variables).await;
    assert_eq!(said, "the store of reviews has schema version 3\n");
    let health = service.until_health("it to be ready", |health| health["status"] == "ok");
    let live = json!({"broker": "rabbitmq", "store": "postgres"});
    assert_eq!(health.await["back_ends"], live);

    let (event, customer) = delivered();
    let ada = service
        .stranger
        .with_token(&place.token(customer, &[Role::Customer]));
    let admin = UserId::at(SystemClock.now());
    let admin = service
        .stranger
        .with_token(&place.token(admin, &[Role::Admin]));
    let early = review(&ada, 4).await.expect(403).unwrap();
    assert_eq!(early.text("/code").unwrap(), "not_delivered");
    assert_eq!(
        rating(&service.stranger).await,
        json!({"reviews": 0, "stars": 0.0})
    );

    place.tell(&event).await;
    wait::until("the service to hear of the delivery", || async {
        Ok((review(&ada, 4).await.status == 204).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(
        rating(&service.stranger).await,
        json!({"reviews": 1, "stars": 4.0})
    );
    review(&ada, 2).await.expect(204).unwrap();
    assert_eq!(
        rating(&service.stranger).await,
        json!({"reviews": 1, "stars": 2.0})
    );

    let too_many = review(&ada, 6).await.expect(422).unwrap();
    assert_eq!(too_many.text("/errors/0/pointer").unwrap(), "/stars");
    review(&admin, 5).await.expect(403).unwrap();
    review(&service.stranger, 5).await.expect(401).unwrap();

    let parked = "/api/v1/admin/services/reviews/parked-messages";
    let none = admin.get(parked).await.unwrap().expect(200).unwrap();
    assert_eq!(none.body["data"], json!([]));
    ada.get(parked).await.unwrap().expect(403).unwrap();
    assert_eq!(service.stop().await, Some(0));
    place.remove().await;
}
