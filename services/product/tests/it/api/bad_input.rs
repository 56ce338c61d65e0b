//! Products that are refused, and how.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::contract::body;
use crate::service::{fields, just, patch, problem, start};

const PRODUCTS: &str = "/api/v1/admin/products";

/// What may not stand in a new product or a change, and where.
fn wrong_fields() -> Vec<(&'static str, Value, &'static str)> {
    let many: Value = (0..101)
        .map(|n| (format!("a{n}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let price = |amount: Value, currency: Value| json!({"amount": amount, "currency": currency});
    vec![
        ("title", json!(""), "/title"),
        ("title", json!(" "), "/title"),
        ("title", json!("x".repeat(201)), "/title"),
        ("title", json!("a\u{7}b"), "/title"),
        ("title", json!(7), "/title"),
        ("title", json!(null), "/title"),
        ("description", json!("x".repeat(10_001)), "/description"),
        ("category", json!(""), "/category"),
        ("category", json!(["a"]), "/category"),
        ("price", price(json!(-1), json!("EUR")), "/price"),
        (
            "price",
            price(json!(1_000_000_000_001_i64), json!("EUR")),
            "/price",
        ),
        ("price", price(json!(1e30), json!("EUR")), "/price/amount"),
        ("price", price(json!(12.99), json!("EUR")), "/price/amount"),
        ("price", price(json!("1299"), json!("EUR")), "/price/amount"),
        ("price", price(json!(1), json!("eur")), "/price/currency"),
        ("price", price(json!(1), json!("EURO")), "/price/currency"),
        ("price", price(json!(1), json!(978)), "/price/currency"),
        ("price", json!({"amount": 1}), "/price/currency"),
        (
            "price",
            json!({"amount": 1, "currency": "EUR", "tax": 1}),
            "/price/tax",
        ),
        ("price", json!(1299), "/price"),
        ("attributes", json!(["a"]), "/attributes"),
        ("attributes", json!({"": 1}), "/attributes"),
        ("attributes", many, "/attributes"),
        (
            "attributes",
            json!({"a": "x".repeat(17_000)}),
            "/attributes",
        ),
        ("slug", json!("mine"), "/slug"),
        ("id", json!("prd_1"), "/id"),
        ("version", json!(9), "/version"),
        ("in_stock", json!(true), "/in_stock"),
    ]
}

#[tokio::test]
async fn a_product_that_is_not_one_is_refused_with_a_pointer_to_what_is_wrong() {
    let service = start().await;
    let keeper = service.keeper();
    let mut wrong = wrong_fields();
    wrong.extend([
        ("sku", json!("a b"), "/sku"),
        ("sku", json!(".."), "/sku"),
        ("sku", json!(""), "/sku"),
        ("sku", json!("x".repeat(65)), "/sku"),
        ("initial_stock", json!(-1), "/initial_stock"),
        ("initial_stock", json!(1_000_000_001), "/initial_stock"),
        ("initial_stock", json!(1e30), "/initial_stock"),
        ("initial_stock", json!(1.5), "/initial_stock"),
        ("status", json!("archived"), "/status"),
    ]);
    for (field, value, pointer) in wrong {
        let mut product = body("A", 1, 1);
        product[field] = value.clone();
        let reply = keeper.post(PRODUCTS, &product).await.unwrap();
        let refusal = fields(422, "invalid_request", &[pointer]);
        assert_eq!(problem(&reply), refusal, "{field}: {value}");
    }
    let empty = keeper.post(PRODUCTS, &json!({})).await.unwrap();
    assert_eq!(problem(&empty), fields(422, "invalid_request", &["/sku"]));
    let list = keeper.get(PRODUCTS).await.unwrap();
    assert_eq!(list.body["data"], json!([]));
    service.stop().await;
}

#[tokio::test]
async fn a_change_that_is_not_one_changes_nothing() {
    let service = start().await;
    let keeper = service.keeper();
    let product = service.product("A", 1).await;
    let path = format!("{PRODUCTS}/{}", product["id"].as_str().unwrap());
    let mut wrong = wrong_fields();
    wrong.extend([
        ("sku", json!("B"), "/sku"),
        ("initial_stock", json!(1), "/initial_stock"),
        ("status", json!("gone"), "/status"),
        ("description", json!(null), "/description"),
        ("price", json!(null), "/price"),
        ("attributes", json!(null), "/attributes"),
    ]);
    for (field, value, pointer) in wrong {
        let mut change = json!({"description": "half applied?"});
        change[field] = value.clone();
        let reply = patch(&keeper, &path, Some("\"1\""), &change).await;
        let refusal = fields(422, "invalid_request", &[pointer]);
        assert_eq!(problem(&reply), refusal, "{field}: {value}");
    }
    assert_eq!(keeper.get(&path).await.unwrap().body, product);
    service.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_by_its_kind() {
    let service = start().await;
    let keeper = service.keeper();
    let post = async |content_type: &str, body: String| {
        let request = keeper.request(Method::POST, PRODUCTS);
        let request = request.header("content-type", content_type).body(body);
        problem(&send(request).await.unwrap())
    };
    let json = "application/json";
    assert_eq!(
        post(json, "{".to_owned()).await,
        just(400, "malformed_json")
    );
    assert_eq!(
        post("text/plain", "{}".to_owned()).await,
        just(415, "unsupported_media_type")
    );
    let huge = " ".repeat(2 * 1024 * 1024);
    assert_eq!(post(json, huge).await, just(413, "payload_too_large"));
    let deep = format!(
        "{{\"attributes\":{}{}}}",
        "[".repeat(1_000),
        "]".repeat(1_000)
    );
    assert_eq!(post(json, deep).await.0 / 100, 4);
    let doubled = r#"{"sku": "A", "sku": "B"}"#.to_owned();
    assert_eq!(
        post(json, doubled).await,
        fields(422, "invalid_request", &["/sku"])
    );
    service.stop().await;
}
