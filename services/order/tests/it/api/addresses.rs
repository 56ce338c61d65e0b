//! Where an order goes.

use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::service::{Setup, just, problem, start_with, two_mugs_and_a_cup};

const ADDRESS: &str = "adr_019abcde0000700080000000000000ff";

fn address() -> Value {
    json!({"name": "Ada", "line1": "1 Main St", "postal_code": "10115", "city": "Berlin", "country": "DE"})
}

fn order_to(field: &str, value: Value) -> Value {
    let mut body = two_mugs_and_a_cup();
    body[field] = value;
    body
}

#[tokio::test]
async fn an_address_may_be_sent_along() {
    let service = crate::service::start().await;
    let customer = service.customer();
    let body = order_to("shipping_address", address());
    let reply = customer
        .post_once("/api/v1/orders", "k", &body)
        .await
        .unwrap();
    let reply = reply.expect(201).unwrap();
    assert_eq!(reply.body["shipping_address"], address());

    let mut both = body;
    both["shipping_address_id"] = json!(ADDRESS);
    let both = customer
        .post_once("/api/v1/orders", "l", &both)
        .await
        .unwrap();
    let pointer = vec!["/shipping_address_id".to_owned()];
    assert_eq!(problem(&both), (422, "invalid_request".to_owned(), pointer));
    service.stop().await;
}

#[tokio::test]
async fn an_address_of_the_address_book_is_read_with_the_callers_own_token() {
    let user_service = MockServer::start().await;
    let service = start_with(Setup {
        user_service: Some(user_service.uri()),
        ..Setup::default()
    })
    .await;
    service.fill_catalog().await;
    let customer = service.customer();
    let mut shown = address();
    shown["id"] = json!(ADDRESS);
    let authorization = format!("Bearer {}", customer.token().unwrap());
    Mock::given(method("GET"))
        .and(path(format!("/api/v1/me/addresses/{ADDRESS}")))
        .and(header("authorization", authorization.as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(shown))
        .up_to_n_times(1)
        .mount(&user_service)
        .await;
    let body = order_to("shipping_address_id", json!(ADDRESS));
    let first = customer
        .post_once("/api/v1/orders", "k", &body)
        .await
        .unwrap();
    let first = first.expect(201).unwrap();
    assert_eq!(first.body["shipping_address"], address());

    // The address book answers 404 from here on: the order it was read for does not need it any more.
    let again = customer
        .post_once("/api/v1/orders", "k", &body)
        .await
        .unwrap();
    assert_eq!(again.expect(201).unwrap().body, first.body);
    let unknown = customer
        .post_once("/api/v1/orders", "l", &body)
        .await
        .unwrap();
    let pointer = vec!["/shipping_address_id".to_owned()];
    assert_eq!(
        problem(&unknown),
        (422, "unknown_address".to_owned(), pointer)
    );
    service.stop().await;
}

#[tokio::test]
async fn without_the_address_book_an_order_to_one_of_its_addresses_is_put_off() {
    let broken = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(500))
        .mount(&broken)
        .await;
    for user_service in [broken.uri(), "http://127.0.0.1:9".to_owned()] {
        let service = start_with(Setup {
            user_service: Some(user_service),
            ..Setup::default()
        })
        .await;
        service.fill_catalog().await;
        let customer = service.customer();
        let body = order_to("shipping_address_id", json!(ADDRESS));
        let reply = customer
            .post_once("/api/v1/orders", "k", &body)
            .await
            .unwrap();
        assert_eq!(problem(&reply), just(503, "upstream_unavailable"));
        assert_eq!(reply.header("retry-after"), Some("2"));
        service.stop().await;
    }
}
