//! `/me/addresses`.

use contracts::{Address, AddressId};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Reply, send};

use crate::service::{fields, just, problem, send_if_match, start};

const PATH: &str = "/api/v1/me/addresses";

fn address() -> Value {
    json!({"name": "Ada", "line1": "1 Main St", "line2": "2nd floor", "postal_code": "10115", "city": "Berlin",
        "region": "BE", "country": "DE"})
}

async fn add(client: &Client, body: &Value) -> Reply {
    client.post(PATH, body).await.unwrap().expect(201).unwrap()
}

fn location(reply: &Reply) -> String {
    reply.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn an_address_is_written_down_read_changed_replaced_and_removed() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let added = add(&ada, &address()).await;
    let at = "2026-11-23T20:06:13.000Z";
    let mut expected = address();
    expected["id"] = added.body["id"].clone();
    expected["created_at"] = json!(at);
    expected["updated_at"] = json!(at);
    assert_eq!(added.body, expected);
    assert_eq!(added.header("etag"), Some("\"1\""));
    let path = location(&added);
    assert_eq!(path, format!("{PATH}/{}", added.text("/id").unwrap()));
    let read = ada.get(&path).await.unwrap().expect(200).unwrap();
    assert_eq!(read.body, expected);
    let request = ada.request(Method::GET, &path);
    let again = send(request.header("if-none-match", "\"1\""))
        .await
        .unwrap();
    assert_eq!(again.status, 304);

    let change = json!({"city": "Hamburg", "line2": null});
    let patched = send_if_match(&ada, Method::PATCH, &path, Some("\"1\""), &change).await;
    expected["city"] = json!("Hamburg");
    expected.as_object_mut().unwrap().remove("line2");
    let patched = patched.expect(200).unwrap();
    assert_eq!(patched.body, expected);
    assert_eq!(patched.header("etag"), Some("\"2\""));

    let whole = json!({"name": "Ada", "line1": "2 Side St", "postal_code": "1", "city": "Wien", "country": "AT"});
    let stale = send_if_match(&ada, Method::PUT, &path, Some("\"1\""), &whole).await;
    assert_eq!(problem(&stale), just(412, "precondition_failed"));
    let put = send_if_match(&ada, Method::PUT, &path, None, &whole).await;
    let put = put.expect(200).unwrap();
    assert_eq!(put.body["region"], Value::Null);
    assert_eq!(put.header("etag"), Some("\"3\""));

    service.clock.advance(std::time::Duration::from_secs(1));
    let second = add(&ada, &address()).await;
    let list = ada.get(PATH).await.unwrap().expect(200).unwrap();
    let both = json!({"data": [put.body, second.body], "next_cursor": null});
    assert_eq!(list.body, both);
    let request = || ada.request(Method::DELETE, &path);
    let stale = send(request().header("if-match", "\"2\"")).await.unwrap();
    assert_eq!(problem(&stale), just(412, "precondition_failed"));
    assert_eq!(send(request()).await.unwrap().status, 204);
    assert_eq!(
        problem(&send(request()).await.unwrap()),
        just(404, "not_found")
    );
    assert_eq!(
        problem(&ada.get(&path).await.unwrap()),
        just(404, "not_found")
    );
    service.stop().await;
}

#[tokio::test]
async fn an_address_reads_as_the_one_an_order_is_sent_to() {
    let service = start().await;
    let ada = service.customer("ada").await;
    for body in [
        address(),
        json!({"name": "Ada", "line1": "1", "postal_code": "1", "city": "X", "country": "AT"}),
    ] {
        let added = add(&ada, &body).await;
        let id: AddressId = added.text("/id").unwrap().parse().unwrap();
        let read = ada.get(&format!("{PATH}/{id}")).await.unwrap();
        let read: Address = serde_json::from_value(read.expect(200).unwrap().body).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), body);
    }
    service.stop().await;
}

#[tokio::test]
async fn somebody_elses_address_is_not_there() {
    let service = start().await;
    let (ada, bob) = (service.customer("ada").await, service.customer("bob").await);
    let path = location(&add(&ada, &address()).await);
    let admin = service.admin().await;
    for client in [&bob, &admin] {
        assert_eq!(problem(&client.get(&path).await.unwrap()).0, 404);
        for method in [Method::PUT, Method::PATCH, Method::DELETE] {
            let body = if method == Method::PUT {
                address()
            } else {
                json!({})
            };
            let reply = send_if_match(client, method, &path, Some("*"), &body).await;
            assert_eq!(problem(&reply), just(404, "not_found"));
        }
        let list = client.get(PATH).await.unwrap();
        assert_eq!(list.body["data"], json!([]));
    }
    ada.get(&path).await.unwrap().expect(200).unwrap();
    service.stop().await;
}

#[tokio::test]
async fn the_same_key_writes_one_address_down() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let post = async |body: &Value| ada.post_once(PATH, "k", body).await.unwrap();
    let first = post(&address()).await.expect(201).unwrap();
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = post(&address()).await.expect(201).unwrap();
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    assert_eq!(location(&again), location(&first));
    let mut other = address();
    other["city"] = json!("Hamburg");
    let reused = post(&other).await;
    assert_eq!(problem(&reused), just(422, "idempotency_key_reused"));
    let path = location(&first);
    let removed = send(ada.request(Method::DELETE, &path)).await.unwrap();
    assert_eq!(removed.status, 204);
    assert_eq!(problem(&post(&address()).await), just(404, "not_found"));
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_address_is_refused_at_its_field() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let path = location(&add(&ada, &address()).await);
    let long = json!("x".repeat(201));
    for (field, value) in [
        ("country", json!("ZZ")),
        ("country", json!("de")),
        ("city", json!("")),
        ("city", json!("a\u{0}b")),
        ("line1", long),
        ("name", json!(7)),
        ("line2", json!("")),
        ("default", json!(true)),
        ("name", json!(null)),
    ] {
        let mut body = address();
        body[field] = value.clone();
        let refusal = fields(422, "invalid_request", &[&format!("/{field}")]);
        let posted = ada.post(PATH, &body).await.unwrap();
        assert_eq!(problem(&posted), refusal, "{field} {value}");
        for (method, body) in [(Method::PUT, body), (Method::PATCH, json!({field: value}))] {
            let reply = send_if_match(&ada, method, &path, None, &body).await;
            assert_eq!(problem(&reply), refusal, "{field}");
        }
    }
    let mut short = address();
    short.as_object_mut().unwrap().remove("city");
    let reply = ada.post(PATH, &short).await.unwrap();
    assert_eq!(problem(&reply), fields(422, "invalid_request", &["/city"]));
    let list = ada.get(PATH).await.unwrap();
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn a_full_book_says_so() {
    let service = start().await;
    let ada = service.customer("ada").await;
    for _ in 0..100 {
        add(&ada, &address()).await;
    }
    let full = ada.post(PATH, &address()).await.unwrap();
    assert_eq!(problem(&full), just(409, "address_book_full"));
    service.stop().await;
}
