//! `/admin/users`.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, PASSWORD};

use crate::service::{ADMIN, Service, fields, just, problem, send_if_match, start};

const PATH: &str = "/api/v1/admin/users";

async fn id_of(client: &Client) -> String {
    let me = client.get("/api/v1/me").await.unwrap();
    me.text("/id").unwrap().to_owned()
}

fn emails(page: &Value) -> Vec<&str> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|user| user["email"].as_str().unwrap()).collect()
}

async fn pages(client: &Client, first: &str) -> Vec<Vec<String>> {
    let mut next = Some(first.to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = client.get(&path).await.unwrap().expect(200).unwrap();
        seen.push(emails(&page.body).into_iter().map(str::to_owned).collect());
        let link = page.header("link").and_then(|link| link.strip_prefix('<'));
        next = link.map(|link| link.split_once('>').unwrap().0.to_owned());
        assert_eq!(next.is_none(), page.body["next_cursor"].is_null());
    }
    seen
}

async fn registered(service: &Service, names: &[&str]) {
    for name in names {
        let email = format!("{name}@example.com");
        service
            .register(&email, PASSWORD)
            .await
            .expect(201)
            .unwrap();
    }
}

#[tokio::test]
async fn accounts_are_read_page_by_page_newest_first() {
    let service = start().await;
    registered(&service, &["a", "b", "c", "d"]).await;
    let admin = service.admin().await;
    let expected = [
        vec!["d@example.com", "c@example.com"],
        vec!["b@example.com", "a@example.com"],
        vec![ADMIN],
    ];
    assert_eq!(pages(&admin, &format!("{PATH}?limit=2")).await, expected);
    service.stop().await;
}

#[tokio::test]
async fn accounts_are_found_by_how_their_address_begins() {
    let service = start().await;
    registered(&service, &["anna", "ann", "bob", "an"]).await;
    let admin = service.admin().await;
    let expected = [
        vec!["an@example.com", "ann@example.com"],
        vec!["anna@example.com"],
    ];
    let found = pages(&admin, &format!("{PATH}?q=AN&limit=2")).await;
    assert_eq!(found, expected);
    for query in ["nn", "%25", "_", "an%27%20OR%201", "%F4%8F%BF%BF"] {
        let page = admin.get(&format!("{PATH}?q={query}")).await.unwrap();
        assert_eq!(page.expect(200).unwrap().body["data"], json!([]), "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_query() {
    let service = start().await;
    registered(&service, &["a", "ab"]).await;
    let admin = service.admin().await;
    let cursor = async |query: &str| {
        let page = admin.get(&format!("{PATH}?limit=1{query}")).await.unwrap();
        page.text("/next_cursor").unwrap().to_owned()
    };
    let (all, some) = (cursor("").await, cursor("&q=a").await);
    for query in [
        format!("cursor={all}&q=a"),
        format!("cursor={some}"),
        format!("cursor={some}&q=ab"),
        "cursor=%00".to_owned(),
        "cursor=e30".to_owned(),
    ] {
        let reply = admin.get(&format!("{PATH}?{query}")).await.unwrap();
        assert_eq!(problem(&reply), just(400, "invalid_cursor"), "{query}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "email=a", "q=a&q=b"] {
        let reply = admin.get(&format!("{PATH}?{query}")).await.unwrap();
        assert_eq!(problem(&reply), just(400, "invalid_query"), "{query}");
    }
    service.stop().await;
}

#[tokio::test]
async fn roles_are_given_by_whoever_has_seen_the_account() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let admin = service.admin().await;
    let path = format!("{PATH}/{}", id_of(&ada).await);
    let read = admin.get(&path).await.unwrap().expect(200).unwrap();
    assert_eq!(read.header("etag"), Some("\"1\""));
    let put = async |tag: Option<&str>, body: Value| {
        let path = format!("{path}/roles");
        send_if_match(&admin, Method::PUT, &path, tag, &body).await
    };
    let roles = json!({"roles": ["support", "catalog"]});
    let without = put(None, roles.clone()).await;
    assert_eq!(problem(&without), just(428, "precondition_required"));
    let stale = put(Some("\"2\""), roles.clone()).await;
    assert_eq!(problem(&stale), just(412, "precondition_failed"));
    let weak = put(Some("W/\"1\""), roles.clone()).await;
    assert_eq!(problem(&weak), just(412, "precondition_failed"));
    for (body, pointer) in [
        (json!({"roles": ["root"]}), "/roles/0"),
        (json!({"roles": "admin"}), "/roles"),
        (json!({}), "/roles"),
        (json!({"roles": [], "name": "x"}), "/name"),
    ] {
        let refused = put(Some("\"1\""), body).await;
        assert_eq!(
            problem(&refused),
            fields(422, "invalid_request", &[pointer])
        );
    }
    let changed = put(Some("\"1\""), roles).await.expect(200).unwrap();
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(
        changed.body["roles"],
        json!(["customer", "support", "catalog"])
    );
    let read = admin.get(&path).await.unwrap();
    assert_eq!(read.body, changed.body);
    service.stop().await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    let service = start().await;
    let admin = service.admin().await;
    let own = format!("{PATH}/{}/roles", id_of(&admin).await);
    let step_down = async || {
        let body = json!({"roles": ["customer"]});
        send_if_match(&admin, Method::PUT, &own, Some("\"1\""), &body).await
    };
    assert_eq!(problem(&step_down().await), just(409, "last_administrator"));
    let ada = service.customer("ada").await;
    let path = format!("{PATH}/{}/roles", id_of(&ada).await);
    let body = json!({"roles": ["admin"]});
    let promoted = send_if_match(&admin, Method::PUT, &path, Some("\"1\""), &body).await;
    assert_eq!(promoted.status, 200);
    let stepped_down = step_down().await.expect(200).unwrap();
    assert_eq!(stepped_down.body["roles"], json!(["customer"]));
    service.stop().await;
}
