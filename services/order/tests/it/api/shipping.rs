//! Parcels.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Reply, send};

use crate::service::{Service, just, problem, start};

async fn ship(admin: &Client, order: impl std::fmt::Display, items: Value) -> Reply {
    let path = format!("/api/v1/admin/orders/{order}/shipments");
    let mut body = json!({"carrier": "DHL", "tracking_number": "JD0001"});
    if !items.is_null() {
        body["items"] = items;
    }
    admin.post(&path, &body).await.unwrap()
}

async fn deliver(admin: &Client, path: &str, tag: Option<&str>) -> Reply {
    let mut request = admin
        .request(Method::PATCH, path)
        .json(&json!({"status": "delivered"}));
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    send(request).await.unwrap()
}

async fn status(service: &Service, order: impl std::fmt::Display) -> Value {
    let path = format!("/api/v1/admin/orders/{order}");
    let order = service.admin().get(&path).await.unwrap();
    order.body["status"].clone()
}

#[tokio::test]
async fn an_order_is_shipped_in_parts_and_delivered_with_the_last_one() {
    let service = start().await;
    let admin = service.admin();
    let id = service.confirmed(&service.customer()).await;
    let first = ship(&admin, id, json!([{"sku": "MUG", "quantity": 1}])).await;
    let first = first.expect(201).unwrap();
    let first_path = first.header("location").unwrap();
    assert_eq!(status(&service, id).await, "partially_shipped");
    assert_eq!(
        first.body,
        json!({
            "id": first.body["id"],
            "status": "dispatched",
            "items": [{"sku": "MUG", "quantity": 1}],
            "carrier": "DHL",
            "tracking_number": "JD0001",
            "dispatched_at": "2026-11-23T20:06:13.000Z",
            "delivered_at": null,
        })
    );
    let read = admin.get(first_path).await.unwrap().expect(200).unwrap();
    assert_eq!(
        (&read.body, read.header("etag")),
        (&first.body, Some("\"3\""))
    );

    let second = ship(&admin, id, Value::Null).await.expect(201).unwrap();
    assert_eq!(
        second.body["items"],
        json!([{"sku": "CUP", "quantity": 1}, {"sku": "MUG", "quantity": 1}])
    );
    assert_eq!(status(&service, id).await, "shipped");

    let one = deliver(&admin, first_path, second.header("etag")).await;
    let one = one.expect(200).unwrap();
    assert_eq!(one.body["status"], "delivered");
    assert_eq!(status(&service, id).await, "shipped");
    let second_path = second.header("location").unwrap();
    let two = deliver(&admin, second_path, one.header("etag")).await;
    assert_eq!(two.expect(200).unwrap().body["status"], "delivered");
    assert_eq!(status(&service, id).await, "delivered");
    service.stop().await;
}

#[tokio::test]
async fn delivering_needs_the_orders_current_tag() {
    let service = start().await;
    let admin = service.admin();
    let id = service.confirmed(&service.customer()).await;
    let parcel = ship(&admin, id, Value::Null).await.expect(201).unwrap();
    let path = parcel.header("location").unwrap();
    let without = deliver(&admin, path, None).await;
    assert_eq!(problem(&without), just(428, "precondition_required"));
    for stale in ["\"1\"", "\"x\"", "W/\"3\""] {
        let stale = deliver(&admin, path, Some(stale)).await;
        assert_eq!(problem(&stale), just(412, "precondition_failed"));
    }
    let nowhere =
        format!("/api/v1/admin/orders/{id}/shipments/shp_019abcde0000700080000000000000ff");
    let nowhere = deliver(&admin, &nowhere, Some("*")).await;
    assert_eq!(problem(&nowhere), just(404, "not_found"));
    let lost = admin
        .request(Method::PATCH, path)
        .header("if-match", "*")
        .json(&json!({"status": "lost"}));
    let lost = send(lost).await.unwrap();
    let refusal = (
        422,
        "invalid_request".to_owned(),
        vec!["/status".to_owned()],
    );
    assert_eq!(problem(&lost), refusal);
    let fresh = deliver(&admin, path, parcel.header("etag")).await;
    assert_eq!(fresh.status, 200);
    service.stop().await;
}

#[tokio::test]
async fn what_cannot_be_shipped_is_refused_with_what_can_be_done() {
    let service = start().await;
    let (customer, admin) = (service.customer(), service.admin());
    let pending = service.placed(&customer).await;
    let reply = ship(&admin, pending, Value::Null).await;
    assert_eq!(problem(&reply), just(409, "invalid_transition"));
    assert_eq!(reply.body["allowed"], json!(["cancel"]));

    let rejected = service.placed(&customer).await;
    service.tell(1, crate::service::rejected(rejected)).await;
    service
        .wait_for_status(&customer, rejected, "rejected")
        .await;
    let reply = ship(&admin, rejected, Value::Null).await;
    assert_eq!(problem(&reply), just(409, "nothing_to_ship"));

    let id = service.confirmed(&customer).await;
    let mug = |quantity: u32| json!([{"sku": "MUG", "quantity": quantity}]);
    let reply = ship(&admin, id, mug(3)).await;
    assert_eq!(problem(&reply), just(422, "too_many_pieces"));
    let reply = ship(&admin, id, json!([{"sku": "TIE", "quantity": 1}])).await;
    assert_eq!(problem(&reply), just(422, "unknown_sku"));
    let twice = json!([{"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 1}]);
    let reply = ship(&admin, id, twice).await;
    let refusal = (
        422,
        "duplicate_sku".to_owned(),
        vec!["/items/1/sku".to_owned()],
    );
    assert_eq!(problem(&reply), refusal);
    let reply = ship(&admin, id, json!([])).await;
    let refusal = (422, "invalid_request".to_owned(), vec!["/items".to_owned()]);
    assert_eq!(problem(&reply), refusal);

    ship(&admin, id, Value::Null).await.expect(201).unwrap();
    let reply = ship(&admin, id, Value::Null).await;
    assert_eq!(problem(&reply), just(409, "already_shipped"));
    service.stop().await;
}

#[tokio::test]
async fn a_parcel_sent_again_with_its_key_is_the_same_parcel() {
    let service = start().await;
    let admin = service.admin();
    let id = service.confirmed(&service.customer()).await;
    let path = format!("/api/v1/admin/orders/{id}/shipments");
    let ship = async |sku: &str| {
        let items = json!([{"sku": sku, "quantity": 1}]);
        let body = json!({"items": items, "carrier": "DHL", "tracking_number": "1"});
        admin.post_once(&path, "k", &body).await.unwrap()
    };
    let first = ship("MUG").await.expect(201).unwrap();
    let again = ship("MUG").await.expect(201).unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(again.body, first.body);
    let other = ship("CUP").await;
    assert_eq!(problem(&other), just(422, "idempotency_key_reused"));
    service.stop().await;
}
