//! `POST /api/v1/admin/products`.

use contracts::ProductId;
use serde_json::json;

use crate::contract::body;
use crate::service::{fields, just, problem, start};

#[tokio::test]
async fn a_created_product_has_the_shape_clients_rely_on() {
    let service = start().await;
    let product = json!({
        "sku": "MUG-1", "title": " Crème mug ", "description": "Holds tea.\nAnd coffee.", "category": "Kitchen",
        "price": {"amount": 1299, "currency": "EUR"}, "attributes": {"colour": "blue", "ml": 330}, "initial_stock": 2,
    });
    let reply = service
        .keeper()
        .post("/api/v1/admin/products", &product)
        .await;
    let reply = reply.unwrap().expect(201).unwrap();
    let id = reply.text("/id").unwrap().to_owned();
    id.parse::<ProductId>().unwrap();
    let at = "2026-11-23T20:06:13.000Z";
    let expected = json!({
        "id": id, "sku": "MUG-1", "slug": "creme-mug", "title": "Crème mug",
        "description": "Holds tea.\nAnd coffee.", "category": "Kitchen",
        "price": {"amount": 1299, "currency": "EUR"}, "in_stock": true,
        "attributes": {"colour": "blue", "ml": 330}, "status": "active", "version": 1,
        "created_at": at, "updated_at": at,
    });
    assert_eq!(reply.body, expected);
    let path = format!("/api/v1/admin/products/{id}");
    assert_eq!(reply.header("location"), Some(path.as_str()));
    let read = service
        .keeper()
        .get(&path)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(read.body, expected);
    assert_eq!(read.header("etag"), reply.header("etag"));
    service.stop().await;
}

#[tokio::test]
async fn what_is_not_said_has_its_default() {
    let service = start().await;
    let product = json!({"sku": "A", "title": "A", "price": {"amount": 0, "currency": "EUR"}});
    let created = service.create(&product).await;
    assert_eq!(created["description"], "");
    assert_eq!(created["category"], json!(null));
    assert_eq!(created["attributes"], json!({}));
    assert_eq!(created["in_stock"], false);
    service.stop().await;
}

#[tokio::test]
async fn a_taken_sku_is_a_conflict_also_if_its_product_is_archived() {
    let service = start().await;
    service.product("A", 1).await;
    let keeper = service.keeper();
    let again = keeper
        .post("/api/v1/admin/products", &body("A", 1, 1))
        .await;
    let taken = fields(409, "sku_taken", &["/sku"]);
    assert_eq!(problem(&again.unwrap()), taken);
    service.stop().await;
}

#[tokio::test]
async fn the_same_request_again_is_the_same_product() {
    let service = start().await;
    let keeper = service.keeper();
    let post = async |key: &str, cents: i64| {
        let path = "/api/v1/admin/products";
        keeper
            .post_once(path, key, &body("A", cents, 1))
            .await
            .unwrap()
    };
    let first = post("k", 100).await.expect(201).unwrap();
    let again = post("k", 100).await.expect(201).unwrap();
    assert_eq!(again.body, first.body);
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = post("k", 200).await;
    assert_eq!(problem(&other), just(422, "idempotency_key_reused"));
    assert_eq!(
        problem(&post(&"k".repeat(256), 1).await).1,
        "invalid_idempotency_key"
    );
    service.stop().await;
}
