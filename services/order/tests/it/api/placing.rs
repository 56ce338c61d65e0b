//! `POST /api/v1/orders`.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use testkit::client::send;

use crate::service::{just, problem, start, two_mugs_and_a_cup};

#[tokio::test]
async fn a_placed_order_shows_what_it_consists_of_and_where_it_is() {
    let service = start().await;
    let customer = service.customer();
    let reply = customer
        .post_once("/api/v1/orders", "k", &two_mugs_and_a_cup())
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let id = reply.text("/id").unwrap().to_owned();
    assert_eq!(
        reply.header("location"),
        Some(format!("/api/v1/orders/{id}").as_str())
    );
    assert_eq!(reply.header("etag"), Some("\"1\""));
    assert_eq!(reply.header("idempotency-replayed"), None);
    let eur = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    let now = "2026-11-23T20:06:13.000Z";
    assert_eq!(
        reply.body,
        json!({
            "id": id,
            "number": "S-00001Y",
            "customer_id": reply.body["customer_id"],
            "status": "pending",
            "items": [
                {"sku": "MUG", "title": "The MUG", "quantity": 2, "unit_price": eur(1299), "line_total": eur(2598)},
                {"sku": "CUP", "title": "The CUP", "quantity": 1, "unit_price": eur(500), "line_total": eur(500)},
            ],
            "totals": {"items": eur(3098), "shipping": eur(0), "discount": eur(0), "tax": eur(0), "total": eur(3098)},
            "shipping_address": null,
            "payment": {"method": "manual"},
            "shipments": [],
            "version": 1,
            "created_at": now,
            "updated_at": now,
        })
    );
    let read = customer.get(&format!("/api/v1/orders/{id}")).await.unwrap();
    assert_eq!(read.body, reply.body);
    service.stop().await;
}

#[tokio::test]
async fn the_same_request_again_answers_with_the_same_order_as_it_is_now() {
    let service = start().await;
    let customer = service.customer();
    let place = async |body| {
        customer
            .post_once("/api/v1/orders", "k", &body)
            .await
            .unwrap()
    };
    let first = place(two_mugs_and_a_cup()).await.expect(201).unwrap();
    let id = first.text("/id").unwrap().parse().unwrap();
    service.tell(1, crate::service::reserved(id)).await;
    let confirmed = service.wait_for_status(&customer, id, "confirmed").await;

    // White space and the order of fields are not another request.
    let body = r#"{ "items": [{"quantity": 2, "sku": "MUG"}, {"quantity": 1, "sku": "CUP"}] }"#;
    let again = place(serde_json::from_str(body).unwrap()).await;
    let again = again.expect(201).unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.header("etag"), Some("\"2\""));
    assert_eq!(again.body, confirmed);

    let other = place(json!({"items": [{"sku": "MUG", "quantity": 3}]})).await;
    assert_eq!(problem(&other), just(422, "idempotency_key_reused"));
    service.stop().await;
}

#[tokio::test]
async fn an_order_waits_for_its_outcome_if_the_customer_prefers() {
    let service = start().await;
    service.play_stock();
    let customer = service.customer();
    let place = async |key: &str, sku: &str| {
        let request = customer
            .request(Method::POST, "/api/v1/orders")
            .header("idempotency-key", key)
            .header("prefer", "wait=10")
            .json(&json!({"items": [{"sku": sku, "quantity": 1}]}));
        send(request).await.unwrap().expect(201).unwrap()
    };
    let mug = place("a", "MUG").await;
    assert_eq!(mug.header("preference-applied"), Some("wait=10"));
    assert_eq!(mug.body["status"], "confirmed");
    assert_eq!(mug.header("etag"), Some("\"2\""));

    let cup = place("b", "CUP").await;
    assert_eq!(cup.body["status"], "rejected");
    assert_eq!(
        cup.body["rejection"],
        json!({"code": "insufficient_stock", "items": [{"sku": "CUP", "code": "insufficient_stock"}]})
    );
    service.stop().await;
}

#[tokio::test]
async fn an_order_that_stays_pending_is_answered_when_the_preferred_time_is_over() {
    let service = start().await;
    let customer = service.customer();
    let request = customer
        .request(Method::POST, "/api/v1/orders")
        .header("idempotency-key", "k")
        .header("prefer", "wait=1")
        .json(&two_mugs_and_a_cup());
    let started = tokio::time::Instant::now();
    let reply = send(request).await.unwrap().expect(201).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(reply.header("preference-applied"), Some("wait=1"));
    assert_eq!(reply.body["status"], "pending");
    service.stop().await;
}

#[tokio::test]
async fn a_request_that_waits_does_not_hold_up_the_end_of_the_service() {
    let service = start().await;
    let customer = service.customer();
    let request = customer
        .request(Method::POST, "/api/v1/orders")
        .header("idempotency-key", "k")
        .header("prefer", "wait=10")
        .json(&two_mugs_and_a_cup());
    let started = tokio::time::Instant::now();
    let (reply, ()) = tokio::join!(send(request), async {
        // Once it is placed, it waits.
        let list = async || {
            let orders = customer.get("/api/v1/orders").await?.body;
            Ok(orders["data"].get(0).map(|_| ()))
        };
        testkit::wait::until("the order to be placed", list)
            .await
            .unwrap();
        service.stop().await;
    });
    assert_eq!(
        reply.unwrap().expect(201).unwrap().body["status"],
        "pending"
    );
    assert!(started.elapsed() < Duration::from_secs(8));
}
