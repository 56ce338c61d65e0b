//! Single products, and the description of the API.

use contracts::Role;
use reqwest::Method;
use testkit::client::send;

use crate::service::{adjust, just, problem, start};

#[tokio::test]
async fn a_product_is_read_by_id_and_by_slug() {
    let service = start().await;
    let product = service.product("A", 1).await;
    let id = product["id"].as_str().unwrap();
    for name in [id, "the-a"] {
        let read = service
            .anonymous
            .get(&format!("/api/v1/products/{name}"))
            .await;
        assert_eq!(read.unwrap().expect(200).unwrap().body, product);
    }
    let digits = id.trim_start_matches("prd_").to_uppercase();
    for name in [
        "A",
        "the-b",
        "prd_1",
        &format!("prd_{digits}"),
        "%00",
        "a%2fb",
    ] {
        let read = service
            .anonymous
            .get(&format!("/api/v1/products/{name}"))
            .await;
        assert_eq!(problem(&read.unwrap()), just(404, "not_found"), "{name}");
    }
    service.stop().await;
}

#[tokio::test]
async fn a_product_the_client_has_is_not_sent_again_until_it_is_sold_out() {
    let service = start().await;
    service.product("A", 2).await;
    let path = "/api/v1/products/the-a";
    let read = service.anonymous.get(path).await.unwrap();
    let tag = read.header("etag").unwrap().to_owned();
    let again = async || {
        let request = service.anonymous.request(Method::GET, path);
        send(request.header("if-none-match", &tag)).await.unwrap()
    };
    let unchanged = again().await;
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.header("etag"), Some(tag.as_str()));
    adjust(&service.keeper(), "A", "k1", -1)
        .await
        .expect(201)
        .unwrap();
    assert_eq!(again().await.status, 304, "one piece is as good as two");
    adjust(&service.keeper(), "A", "k2", -1)
        .await
        .expect(201)
        .unwrap();
    assert_eq!(again().await.expect(200).unwrap().body["in_stock"], false);
    service.stop().await;
}

#[tokio::test]
async fn only_those_who_keep_the_catalog_may_touch_it() {
    let service = start().await;
    service.product("A", 2).await;
    let paths = [
        (Method::GET, "/api/v1/admin/products"),
        (Method::POST, "/api/v1/admin/products"),
        (
            Method::GET,
            "/api/v1/admin/products/prd_019abcde0000700080000000000000ff",
        ),
        (
            Method::PATCH,
            "/api/v1/admin/products/prd_019abcde0000700080000000000000ff",
        ),
        (
            Method::DELETE,
            "/api/v1/admin/products/prd_019abcde0000700080000000000000ff",
        ),
        (Method::GET, "/api/v1/admin/inventory/A"),
        (Method::GET, "/api/v1/admin/inventory/A/adjustments"),
        (Method::POST, "/api/v1/admin/inventory/A/adjustments"),
        (
            Method::GET,
            "/api/v1/admin/services/product/parked-messages",
        ),
    ];
    let support = service.signed_in(&[Role::Customer, Role::Support]);
    for (method, path) in paths {
        let request = |client: &testkit::client::Client| {
            let body = r#"{"quantity":1,"reason":"x","sku":"Z","title":"Z"}"#;
            client
                .request(method.clone(), path)
                .header("idempotency-key", "k")
                .header("if-match", "*")
                .header("content-type", "application/json")
                .body(body)
        };
        let anonymous = send(request(&service.anonymous)).await.unwrap();
        assert_eq!(anonymous.status, 401, "{method} {path}");
        assert!(anonymous.header("www-authenticate").is_some());
        let reply = send(request(&service.anonymous.with_token("x"))).await;
        assert_eq!(problem(&reply.unwrap()), just(401, "token_invalid"));
        let body_first = matches!(method, Method::POST | Method::PATCH);
        let reply = send(request(&support)).await.unwrap();
        assert!(
            reply.status == 403 || body_first && reply.status == 422,
            "{method} {path}: {reply:?}"
        );
    }
    let admin = service.signed_in(&[Role::Admin]);
    admin
        .get("/api/v1/admin/products")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let parked = "/api/v1/admin/services/product/parked-messages";
    admin.get(parked).await.unwrap().expect(200).unwrap();
    let keeper = service.keeper().get(parked).await.unwrap();
    assert_eq!(problem(&keeper), just(403, "insufficient_scope"));
    service.stop().await;
}

#[tokio::test]
async fn the_description_of_the_api_is_served_and_printed_alike() {
    let service = start().await;
    let served = service.anonymous.get("/openapi.json").await.unwrap();
    let printed = serde_json::to_value(product::openapi()).unwrap();
    assert_eq!(served.expect(200).unwrap().body, printed);
    let paths: Vec<&String> = printed["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/api/v1/admin/inventory/{sku}",
            "/api/v1/admin/inventory/{sku}/adjustments",
            "/api/v1/admin/products",
            "/api/v1/admin/products/{id}",
            "/api/v1/admin/services/{service}/parked-messages",
            "/api/v1/admin/services/{service}/parked-messages/{id}",
            "/api/v1/admin/services/{service}/parked-messages/{id}/discard",
            "/api/v1/admin/services/{service}/parked-messages/{id}/replay",
            "/api/v1/categories",
            "/api/v1/products",
            "/api/v1/products/{name}",
        ]
    );
    service.stop().await;
}
