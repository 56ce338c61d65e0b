//! The list, over HTTP.

use std::time::Duration;

use contracts::{NotificationId, Role};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::samples;
use crate::service::{problem, start};

#[tokio::test]
async fn a_notification_says_what_it_is_about() {
    use contracts::events::order::OrderStatus::PartiallyShipped;
    let service = start().await;
    let ada = service.customer().await;
    let shipped = samples::shipped(ada.user_id, PartiallyShipped);
    service.tell(1, shipped).await;
    service.wait_for_titles(&ada, 2).await;
    let list = ada.client.get("/api/v1/me/notifications?limit=1").await;
    let list = list.unwrap().expect(200).unwrap();
    let id = list.text("/data/0/id").unwrap();
    assert_eq!(
        list.body["data"],
        json!([{
            "id": id,
            "type": "order.shipped",
            "title": "Order K7Q2-41ZD partly shipped",
            "body": "A parcel is on its way with DHL: 00340434161094042557. The rest follows.",
            "data": {
                "order_id": "ord_019abcde000070008000000000000002",
                "order_number": "K7Q2-41ZD",
                "shipment_id": "shp_019abcde000070008000000000000004",
                "tracking_number": "00340434161094042557",
            },
            "created_at": "2026-11-23T20:06:13.000Z",
            "read_at": null,
        }])
    );
    service.stop().await;
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_a_cursor_belongs_to_its_reader_and_filter() {
    let service = start().await;
    let (ada, admin) = (service.customer().await, service.admin().await);
    for version in 1..=4 {
        service.tell(version, samples::placed(ada.user_id)).await;
    }
    service.wait_for_titles(&ada, 5).await;
    let mut next = Some("/api/v1/me/notifications?limit=2".to_owned());
    let (mut sizes, mut cursor) = (Vec::new(), None);
    while let Some(path) = next {
        let page = ada.client.get(&path).await.unwrap().expect(200).unwrap();
        sizes.push(page.body["data"].as_array().unwrap().len());
        cursor = page.body["next_cursor"]
            .as_str()
            .map(str::to_owned)
            .or(cursor);
        let link = page.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.map(|link| link.split_once('>').unwrap().0.to_owned());
    }
    assert_eq!(sizes, [2, 2, 1]);
    let cursor = cursor.unwrap();
    for (client, query) in [
        (&admin.client, format!("?cursor={cursor}")),
        (&ada.client, format!("?cursor={cursor}&unread=true")),
        (&ada.client, "?cursor=e30".to_owned()),
    ] {
        let reply = client
            .get(&format!("/api/v1/me/notifications{query}"))
            .await;
        assert_eq!(problem(&reply.unwrap()), (400, "invalid_cursor"), "{query}");
    }
    for query in [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?unread=maybe",
        "?sort=title",
    ] {
        let reply = ada
            .client
            .get(&format!("/api/v1/me/notifications{query}"))
            .await;
        assert_eq!(problem(&reply.unwrap()), (400, "invalid_query"), "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn notifications_are_marked_as_read_one_by_one_or_all_and_others_are_not_there() {
    let service = start().await;
    let (ada, bob) = (
        service.customer().await,
        service.register("Bob", &[Role::Customer]).await,
    );
    service.tell(1, samples::placed(ada.user_id)).await;
    service.wait_for_titles(&ada, 2).await;
    let unread = async || -> Value {
        let path = "/api/v1/me/notifications/unread-count";
        ada.client
            .get(path)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body
    };
    let mark = async |client: &testkit::client::Client, path: &str| {
        let path = format!("/api/v1/me/notifications/{path}");
        send(client.request(Method::POST, &path)).await.unwrap()
    };
    assert_eq!(unread().await, json!({"unread": 2}));
    let list = ada.client.get("/api/v1/me/notifications").await.unwrap();
    let id = list.text("/data/0/id").unwrap();
    let foreign = mark(&bob.client, &format!("{id}/read")).await;
    assert_eq!(problem(&foreign), (404, "not_found"));
    let unknown = NotificationId::at(samples::start());
    for path in [
        format!("{unknown}/read"),
        "ntf_1/read".to_owned(),
        "1/read".to_owned(),
    ] {
        assert_eq!(problem(&mark(&ada.client, &path).await), (404, "not_found"));
    }
    assert_eq!(unread().await, json!({"unread": 2}));
    for _ in 0..2 {
        assert_eq!(mark(&ada.client, &format!("{id}/read")).await.status, 204);
    }
    assert_eq!(unread().await, json!({"unread": 1}));
    let rest = ada.client.get("/api/v1/me/notifications?unread=true").await;
    let rest = rest.unwrap().body;
    assert_eq!(rest["data"].as_array().unwrap().len(), 1);
    assert_eq!(rest["data"][0]["title"], "Welcome, Ada");
    assert_eq!(mark(&ada.client, "read").await.status, 204);
    assert_eq!(unread().await, json!({"unread": 0}));
    let bobs = bob
        .client
        .get("/api/v1/me/notifications/unread-count")
        .await;
    assert_eq!(bobs.unwrap().body, json!({"unread": 1}), "Bob's are his");
    service.stop().await;
}

#[tokio::test]
async fn only_signed_in_accounts_read_and_only_administrators_see_the_log() {
    let service = start().await;
    let ada = service.customer().await;
    let expired = service.signed_in(ada.user_id, &[Role::Customer], Duration::ZERO);
    for path in [
        "/api/v1/me/notifications",
        "/api/v1/me/notifications/unread-count",
        "/api/v1/me/events",
        "/api/v1/admin/notifications",
    ] {
        let reply = service.anonymous.get(path).await.unwrap();
        assert_eq!(problem(&reply), (401, "token_missing"), "{path}");
        let reply = expired.get(path).await.unwrap();
        assert_eq!(problem(&reply), (401, "token_expired"), "{path}");
    }
    for roles in [&[Role::Customer][..], &[Role::Support, Role::Catalog]] {
        let client = service.stranger(roles).client;
        let reply = client.get("/api/v1/admin/notifications").await.unwrap();
        assert_eq!(problem(&reply), (403, "insufficient_scope"));
    }
    service.stop().await;
}

#[tokio::test]
async fn the_log_says_what_became_of_each_mail_and_is_filtered() {
    let service = start().await;
    let (ada, admin) = (service.customer().await, service.admin().await);
    let log = service.wait_for_states(&admin, "", &["sent", "sent"]).await;
    let delivery = &log[1];
    assert_eq!(
        *delivery,
        json!({
            "id": delivery["id"],
            "notification_id": delivery["notification_id"],
            "event_id": delivery["event_id"],
            "type": "user.registered",
            "user_id": ada.user_id.to_string(),
            "channel": "email",
            "address": "ada@example.com",
            "state": "sent",
            "attempts": 1,
            "next_try_at": null,
            "last_error": null,
            "created_at": "2026-11-23T20:06:13.000Z",
            "updated_at": "2026-11-23T20:06:13.000Z",
        })
    );
    let of_ada = format!("&user={}&state=sent&channel=email", ada.user_id);
    let filtered = service.wait_for_states(&admin, &of_ada, &["sent"]).await;
    assert_eq!(filtered, std::slice::from_ref(delivery));
    service.wait_for_states(&admin, "&state=failed", &[]).await;
    for query in [
        "?state=lost",
        "?channel=pigeon",
        "?user=1",
        "?limit=0",
        "?x=1",
    ] {
        let path = format!("/api/v1/admin/notifications{query}");
        let reply = admin.client.get(&path).await.unwrap();
        assert_eq!(problem(&reply), (400, "invalid_query"), "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn the_description_of_the_api_is_served_and_printed_alike() {
    let service = start().await;
    let served = service.anonymous.get("/openapi.json").await.unwrap();
    let printed = serde_json::to_value(notification::openapi()).unwrap();
    assert_eq!(served.expect(200).unwrap().body, printed);
    let paths: Vec<&String> = printed["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/api/v1/admin/notifications",
            "/api/v1/admin/services/{service}/parked-messages",
            "/api/v1/admin/services/{service}/parked-messages/{id}",
            "/api/v1/admin/services/{service}/parked-messages/{id}/discard",
            "/api/v1/admin/services/{service}/parked-messages/{id}/replay",
            "/api/v1/me/events",
            "/api/v1/me/notifications",
            "/api/v1/me/notifications/read",
            "/api/v1/me/notifications/unread-count",
            "/api/v1/me/notifications/{id}/read",
        ]
    );
    service.stop().await;
}
