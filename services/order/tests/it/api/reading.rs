//! Reading orders.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::service::{just, problem, start};

#[tokio::test]
async fn an_order_that_has_not_changed_is_not_sent_again() {
    let service = start().await;
    let (customer, admin) = (service.customer(), service.admin());
    let id = service.placed(&customer).await;
    let path = format!("/api/v1/orders/{id}");
    for (client, path) in [
        (&customer, path.clone()),
        (&admin, format!("/api/v1/admin/orders/{id}")),
    ] {
        let first = client.get(&path).await.unwrap().expect(200).unwrap();
        let tag = first.header("etag").unwrap();
        let request = client
            .request(Method::GET, &path)
            .header("if-none-match", tag);
        let again = send(request).await.unwrap();
        assert_eq!(again.header("etag"), Some(tag));
        assert_eq!((again.status.as_u16(), again.body), (304, Value::Null));
    }
    service.tell(1, crate::service::reserved(id)).await;
    service.wait_for_status(&customer, id, "confirmed").await;
    let request = customer
        .request(Method::GET, &path)
        .header("if-none-match", "\"1\"");
    let changed = send(request).await.unwrap();
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(changed.status, 200);
    service.stop().await;
}

fn ids(page: &Value) -> Vec<&str> {
    let orders = page["data"].as_array().unwrap();
    orders
        .iter()
        .map(|order| order["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_by_its_link() {
    let service = start().await;
    let customer = service.customer();
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.insert(0, service.placed(&customer).await.to_string());
    }
    service.placed(&service.customer()).await;
    let mut next = Some("/api/v1/orders?limit=2".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = customer.get(&path).await.unwrap().expect(200).unwrap();
        seen.push(
            ids(&page.body)
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        );
        let link = page.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.map(|link| link.split_once('>').unwrap().0.to_owned());
        assert_eq!(next.is_none(), page.body["next_cursor"].is_null());
    }
    assert_eq!(seen, [&placed[0..2], &placed[2..4], &placed[4..5]]);
    service.stop().await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_list_and_to_its_filter() {
    let service = start().await;
    let admin = service.admin();
    service.placed(&admin).await;
    service.placed(&admin).await;
    let page = admin.get("/api/v1/orders?limit=1").await.unwrap();
    let cursor = page.text("/next_cursor").unwrap();
    for path in [
        format!("/api/v1/orders?cursor={cursor}&status=pending"),
        format!("/api/v1/admin/orders?cursor={cursor}"),
        "/api/v1/orders?cursor=%00".to_owned(),
        "/api/v1/orders?cursor=e30".to_owned(),
    ] {
        let reply = admin.get(&path).await.unwrap();
        assert_eq!(problem(&reply), just(400, "invalid_cursor"), "{path}");
    }
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "status=lost",
        "sort=total",
        "customer=1",
    ] {
        let reply = admin.get(&format!("/api/v1/orders?{query}")).await.unwrap();
        assert_eq!(problem(&reply), just(400, "invalid_query"), "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn administrators_find_orders_by_status_and_customer() {
    let service = start().await;
    let (ada, bob, admin) = (service.customer(), service.customer(), service.admin());
    let confirmed = service.confirmed(&ada).await.to_string();
    let pending = service.placed(&ada).await.to_string();
    let of_bob = service.placed(&bob).await.to_string();
    let order = ada.get(&format!("/api/v1/orders/{pending}")).await.unwrap();
    let ada_id = order.text("/customer_id").unwrap();
    for (query, expected) in [
        (String::new(), vec![&of_bob, &pending, &confirmed]),
        ("?status=pending".to_owned(), vec![&of_bob, &pending]),
        (format!("?customer={ada_id}"), vec![&pending, &confirmed]),
        (
            format!("?customer={ada_id}&status=confirmed"),
            vec![&confirmed],
        ),
        ("?status=delivered".to_owned(), vec![]),
    ] {
        let page = admin
            .get(&format!("/api/v1/admin/orders{query}"))
            .await
            .unwrap();
        assert_eq!(ids(&page.body), expected, "{query}");
    }
    let own = ada.get("/api/v1/orders?status=confirmed").await.unwrap();
    assert_eq!(ids(&own.body), [&confirmed]);
    service.stop().await;
}

#[tokio::test]
async fn a_timeline_tells_what_happened() {
    let service = start().await;
    let customer = service.customer();
    let id = service.placed(&customer).await;
    service.tell(1, crate::service::rejected(id)).await;
    service.wait_for_status(&customer, id, "rejected").await;
    let timeline = customer.get(&format!("/api/v1/orders/{id}/timeline")).await;
    let at = "2026-11-23T20:06:13.000Z";
    assert_eq!(
        timeline.unwrap().expect(200).unwrap().body,
        json!({"data": [
            {"at": at, "type": "placed", "detail": null},
            {"at": at, "type": "rejected", "detail": "CUP: insufficient_stock"},
        ]})
    );
    service.stop().await;
}

#[tokio::test]
async fn the_description_of_the_api_is_served_and_printed_alike() {
    let service = start().await;
    let served = service.anonymous.get("/openapi.json").await.unwrap();
    let printed = serde_json::to_value(order::openapi()).unwrap();
    assert_eq!(served.expect(200).unwrap().body, printed);
    let paths: Vec<&String> = printed["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/api/v1/admin/orders",
            "/api/v1/admin/orders/{id}",
            "/api/v1/admin/orders/{id}/cancel",
            "/api/v1/admin/orders/{id}/shipments",
            "/api/v1/admin/orders/{id}/shipments/{shipment_id}",
            "/api/v1/admin/services/{service}/parked-messages",
            "/api/v1/admin/services/{service}/parked-messages/{id}",
            "/api/v1/admin/services/{service}/parked-messages/{id}/discard",
            "/api/v1/admin/services/{service}/parked-messages/{id}/replay",
            "/api/v1/orders",
            "/api/v1/orders/{id}",
            "/api/v1/orders/{id}/cancel",
            "/api/v1/orders/{id}/timeline",
        ]
    );
    service.stop().await;
}
