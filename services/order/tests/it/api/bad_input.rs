//! What is refused, and how.

use contracts::Role;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::service::{just, problem, start, two_mugs_and_a_cup};

fn fields(status: u16, code: &str, pointers: &[&str]) -> (u16, String, Vec<String>) {
    let pointers = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
    (status, code.to_owned(), pointers)
}

#[tokio::test]
async fn an_order_that_is_not_one_is_refused_with_pointers_to_what_is_wrong() {
    let service = start().await;
    let customer = service.customer();
    let item = |sku: Value, quantity: Value| json!({"items": [{"sku": sku, "quantity": quantity}]});
    let with = |key: &str, value: Value| {
        let mut body = two_mugs_and_a_cup();
        body[key] = value;
        body
    };
    let many: Vec<Value> = (0..101)
        .map(|n| json!({"sku": format!("S{n}"), "quantity": 1}))
        .collect();
    let invalid = |pointers: &[&str]| fields(422, "invalid_request", pointers);
    let quantity = "/items/0/quantity";
    let address = json!({"name": "Ada", "line1": "1 Main St", "postal_code": "1", "city": "X", "country": "ZZ"});
    for (body, refusal) in [
        (item(json!("MUG"), json!(0)), invalid(&[quantity])),
        (item(json!("MUG"), json!(-1)), invalid(&[quantity])),
        (item(json!("MUG"), json!(1_000_001)), invalid(&[quantity])),
        (item(json!("MUG"), json!(1e30)), invalid(&[quantity])),
        (item(json!("MUG"), json!(1.5)), invalid(&[quantity])),
        (item(json!("MUG"), json!("1")), invalid(&[quantity])),
        (item(json!("MUG"), json!(null)), invalid(&[quantity])),
        (item(json!("../MUG"), json!(1)), invalid(&["/items/0/sku"])),
        (item(json!(7), json!(1)), invalid(&["/items/0/sku"])),
        (json!({"items": []}), invalid(&["/items"])),
        (json!({"items": many}), invalid(&["/items"])),
        (json!({}), invalid(&["/items"])),
        (with("price", json!(1)), invalid(&["/price"])),
        (
            with("shipping_address", address),
            invalid(&["/shipping_address/country"]),
        ),
        (
            with("shipping_address_id", json!("adr_1")),
            invalid(&["/shipping_address_id"]),
        ),
        (
            json!({"items": [{"sku": "MUG", "quantity": 1, "unit_price": 1}]}),
            invalid(&["/items/0/unit_price"]),
        ),
        (
            json!({"items": [{"sku": "MUG", "quantity": 1}, {"sku": "NO", "quantity": 1}]}),
            fields(422, "unknown_sku", &["/items/1/sku"]),
        ),
        (
            json!({"items": [{"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 1}]}),
            fields(422, "duplicate_sku", &["/items/1/sku"]),
        ),
        (
            item(json!("POT"), json!(1)),
            fields(422, "product_archived", &["/items/0/sku"]),
        ),
        (
            json!({"items": [{"sku": "MUG", "quantity": 1}, {"sku": "TIE", "quantity": 1}]}),
            fields(422, "mixed_currencies", &["/items/1/sku"]),
        ),
        (
            item(json!("PALACE"), json!(2)),
            just(422, "amount_overflow"),
        ),
        (
            with("payment_method", json!("stripe")),
            fields(422, "payment_method_unavailable", &["/payment_method"]),
        ),
    ] {
        let reply = customer
            .post_once("/api/v1/orders", "k", &body)
            .await
            .unwrap();
        assert_eq!(problem(&reply), refusal, "{body}");
    }
    let orders = customer.get("/api/v1/orders").await.unwrap();
    assert_eq!(orders.body["data"], json!([]));
    service.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_by_its_kind() {
    let service = start().await;
    let customer = service.customer();
    let post = async |content_type: &str, body: String| {
        let request = customer
            .request(Method::POST, "/api/v1/orders")
            .header("idempotency-key", "k")
            .header("content-type", content_type)
            .body(body);
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
    assert_eq!(
        post(json, " ".repeat(2 * 1024 * 1024)).await,
        just(413, "payload_too_large")
    );
    let doubled = r#"{"items": [], "items": []}"#.to_owned();
    assert_eq!(post(json, doubled).await.0, 422);
    service.stop().await;
}

#[tokio::test]
async fn an_order_needs_one_idempotency_key_of_reasonable_length() {
    let service = start().await;
    let customer = service.customer();
    let post = async |keys: &[&str]| {
        let mut request = customer
            .request(Method::POST, "/api/v1/orders")
            .json(&two_mugs_and_a_cup());
        for key in keys {
            request = request.header("idempotency-key", *key);
        }
        send(request).await.unwrap()
    };
    let (longest, too_long) = ("k".repeat(255), "k".repeat(256));
    assert_eq!(
        problem(&post(&[]).await),
        just(400, "idempotency_key_required")
    );
    assert_eq!(
        problem(&post(&["a", "b"]).await),
        just(400, "duplicate_header")
    );
    for key in ["", &too_long] {
        assert_eq!(
            problem(&post(&[key]).await),
            just(400, "invalid_idempotency_key")
        );
    }
    assert_eq!(post(&[&longest]).await.status, 201);
    service.stop().await;
}

#[tokio::test]
async fn every_path_needs_a_token_and_administrators_paths_a_role() {
    let service = start().await;
    let id = service.placed(&service.customer()).await;
    let order = format!("/api/v1/orders/{id}");
    let admin_order = format!("/api/v1/admin/orders/{id}");
    let parcels = format!("{admin_order}/shipments");
    let parcel = format!("{parcels}/shp_019abcde0000700080000000000000ff");
    let parked = "/api/v1/admin/services/order/parked-messages".to_owned();
    let ship = json!({"carrier": "DHL", "tracking_number": "1"});
    let (none, customer, support) = (
        service.anonymous.clone(),
        service.customer(),
        service.signed_in(&[Role::Support]),
    );
    for (method, path, of_customers, of_support) in [
        (Method::GET, "/api/v1/orders".to_owned(), 200, 200),
        (Method::GET, order.clone(), 404, 404),
        (Method::GET, format!("{order}/timeline"), 404, 404),
        (Method::POST, format!("{order}/cancel"), 404, 404),
        (Method::GET, "/api/v1/admin/orders".to_owned(), 403, 200),
        (Method::GET, admin_order.clone(), 403, 200),
        (Method::POST, parcels, 403, 403),
        (Method::GET, parcel.clone(), 403, 404),
        (Method::PATCH, parcel, 403, 403),
        (Method::GET, parked, 403, 403),
        (Method::POST, format!("{admin_order}/cancel"), 403, 202),
    ] {
        let mut body = ship.clone();
        if method == Method::PATCH {
            body = json!({"status": "delivered"});
        }
        for (client, status) in [
            (&none, 401),
            (&customer, of_customers),
            (&support, of_support),
        ] {
            let request = client.request(method.clone(), &path).json(&body);
            let reply = send(request).await.unwrap();
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
            if status == 401 {
                assert!(reply.header("www-authenticate").is_some());
            }
        }
    }
    service.stop().await;
}

#[tokio::test]
async fn a_malformed_id_names_nothing() {
    let service = start().await;
    let admin = service.admin();
    for path in [
        "/api/v1/orders/1",
        "/api/v1/orders/usr_019abcde0000700080000000000000ff",
        "/api/v1/orders/ord_019ABCDE0000700080000000000000FF",
        "/api/v1/orders/ord_1/timeline",
        "/api/v1/admin/orders/-1",
    ] {
        let reply = admin.get(path).await.unwrap();
        assert_eq!(problem(&reply), just(404, "not_found"), "{path}");
    }
    service.stop().await;
}
