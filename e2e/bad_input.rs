//! What nobody should send, through the gateway: each is refused with a code that says why, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::checker;
use testkit::client::{Client, Reply, send};

use crate::forged;
use crate::raw;
use crate::shop::{Shop, harness};

const JSON: &str = "application/json";

/// Status and code of a refusal; every refusal is a problem document that can be found in the logs.
#[track_caller]
fn refusal(reply: &Reply) -> (u16, String) {
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{}",
        reply.body
    );
    assert_eq!(
        reply.text("/request_id").unwrap(),
        reply.header("x-request-id").unwrap()
    );
    assert_eq!(reply.body["status"], reply.status.as_u16());
    (
        reply.status.as_u16(),
        reply.text("/code").unwrap().to_owned(),
    )
}

fn pointers(reply: &Reply) -> Vec<&str> {
    let errors = reply.body["errors"].as_array();
    errors
        .into_iter()
        .flatten()
        .filter_map(|error| error["pointer"].as_str())
        .collect()
}

async fn post_raw(
    client: &Client,
    path: &str,
    content_type: &str,
    body: impl Into<reqwest::Body>,
) -> Reply {
    let request = client
        .request(Method::POST, path)
        .header("content-type", content_type)
        .header("idempotency-key", "raw")
        .body(body);
    send(request).await.unwrap()
}

const ORDERS: &str = "/api/v1/orders";

/// A shop with ten pieces of `BAD`, some yen, and palaces: a million of each of them is more than fits into an amount.
async fn stocked() -> (Shop, Vec<String>) {
    let shop = Shop::start(harness()).await.unwrap();
    shop.product("BAD", 1_000, 10).await.unwrap();
    let palaces: Vec<String> = (0..10).map(|n| format!("PALACE-{n}")).collect();
    let dear = palaces
        .iter()
        .map(|sku| (sku.as_str(), 999_999_999_999_i64, "EUR"));
    for (sku, amount, currency) in dear.chain([("YEN", 100, "JPY")]) {
        let product =
            json!({"sku": sku, "title": sku, "price": {"amount": amount, "currency": currency}});
        let reply = shop.admin.post("/api/v1/admin/products", &product).await;
        reply.unwrap().expect(201).unwrap();
        shop.orderable(sku).await.unwrap();
    }
    (shop, palaces)
}

/// Nothing was ordered and no piece has moved.
async fn unchanged(shop: &Shop, customer: &Client) {
    let own = customer.get(ORDERS).await.unwrap();
    assert_eq!(own.body["data"], json!([]));
    let stock = shop.admin.get("/api/v1/admin/inventory/BAD").await.unwrap();
    assert_eq!(stock.number("/available").unwrap(), 10);
    checker::quiescent(shop.harness.data()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_json_or_too_large_are_refused_and_change_nothing() {
    let shop = Shop::start(harness()).await.unwrap();
    shop.product("BAD", 1_000, 10).await.unwrap();
    let customer = shop.customer("bad").await.unwrap();
    for (content_type, body, expected) in [
        (JSON, "{".to_owned(), (400, "malformed_json")),
        (JSON, String::new(), (400, "malformed_json")),
        (JSON, "[".repeat(10_000), (400, "malformed_json")),
        (
            "text/plain",
            "{}".to_owned(),
            (415, "unsupported_media_type"),
        ),
        (
            JSON,
            " ".repeat(2 * 1024 * 1024),
            (413, "payload_too_large"),
        ),
    ] {
        let reply = post_raw(&customer, ORDERS, content_type, body).await;
        assert_eq!(refusal(&reply), (expected.0, expected.1.to_owned()));
    }
    // The length is not announced: it is counted while it streams.
    let pieces = (0..64).map(|_| Ok::<_, std::io::Error>(vec![b' '; 32 * 1024]));
    let endless = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let reply = post_raw(&customer, ORDERS, JSON, endless).await;
    assert_eq!(refusal(&reply), (413, "payload_too_large".to_owned()));

    unchanged(&shop, &customer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_are_none_are_refused_with_pointers_and_change_nothing() {
    let (shop, palaces) = stocked().await;
    let customer = shop.customer("bad").await.unwrap();
    let item = |quantity: Value| json!({"items": [{"sku": "BAD", "quantity": quantity}]});
    let invalid = "invalid_request";
    for (body, code, pointer) in [
        (json!({"items": "BAD"}), invalid, "/items"),
        (item(json!(-1)), invalid, "/items/0/quantity"),
        (item(json!(0)), invalid, "/items/0/quantity"),
        (item(json!(4_294_967_296_i64)), invalid, "/items/0/quantity"),
        (item(json!(1e300)), invalid, "/items/0/quantity"),
        (
            json!({"items": [{"sku": "BAD", "quantity": 1, "unit_price": 1}]}),
            invalid,
            "/items/0/unit_price",
        ),
        (
            json!({"items": [{"sku": "BAD", "quantity": 1}], "total": 1}),
            invalid,
            "/total",
        ),
        (
            json!({"items": [{"sku": "NO-SUCH", "quantity": 1}]}),
            "unknown_sku",
            "/items/0/sku",
        ),
        (
            json!({"items": [{"sku": "BAD", "quantity": 1}, {"sku": "YEN", "quantity": 1}]}),
            "mixed_currencies",
            "/items/1/sku",
        ),
    ] {
        let reply = customer.post_once(ORDERS, "bad", &body).await.unwrap();
        assert_eq!(refusal(&reply), (422, code.to_owned()), "{body}");
        assert_eq!(pointers(&reply), [pointer], "{body}");
    }
    let items: Vec<Value> = palaces
        .iter()
        .map(|sku| json!({"sku": sku, "quantity": 1_000_000}))
        .collect();
    let reply = customer
        .post_once(ORDERS, "bad", &json!({"items": items}))
        .await
        .unwrap();
    assert_eq!(refusal(&reply), (422, "amount_overflow".to_owned()));
    unchanged(&shop, &customer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn products_and_adjustments_that_are_none_are_refused_and_change_nothing() {
    let shop = Shop::start(harness()).await.unwrap();
    shop.product("BAD", 1_000, 10).await.unwrap();
    let customer = shop.customer("bad").await.unwrap();
    for body in [
        json!({"sku": "P", "title": "P", "price": {"amount": -1, "currency": "EUR"}}),
        json!({"sku": "P", "title": "P", "price": {"amount": 1, "currency": "euro"}}),
        json!({"sku": "P", "title": "P", "price": {"amount": 1, "currency": "EUR"}, "initial_stock": -1}),
        json!({"sku": "P/../Q", "title": "P", "price": {"amount": 1, "currency": "EUR"}}),
        json!({"sku": "P", "title": "", "price": {"amount": 1, "currency": "EUR"}}),
    ] {
        let reply = shop
            .admin
            .post("/api/v1/admin/products", &body)
            .await
            .unwrap();
        assert_eq!(
            refusal(&reply),
            (422, "invalid_request".to_owned()),
            "{body}"
        );
    }
    let adjust = json!({"quantity": -11, "reason": "lost"});
    let adjustments = "/api/v1/admin/inventory/BAD/adjustments";
    let reply = shop
        .admin
        .post_once(adjustments, "k", &adjust)
        .await
        .unwrap();
    assert_eq!(refusal(&reply), (409, "would_go_negative".to_owned()));

    unchanged(&shop, &customer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cursors_of_another_query_and_other_peoples_ids_lead_nowhere() {
    let shop = Shop::start(harness().argument("--demo")).await.unwrap();
    let stranger = shop.stranger();
    for cursor in ["x", "%00", "AAAA", "'%20OR%201=1", &"a".repeat(4_000)] {
        let reply = stranger
            .get(&format!("/api/v1/products?cursor={cursor}"))
            .await
            .unwrap();
        assert_eq!(
            refusal(&reply),
            (400, "invalid_cursor".to_owned()),
            "{cursor}"
        );
    }
    let first = stranger.get("/api/v1/products?limit=2").await.unwrap();
    let cursor = first.text("/next_cursor").unwrap();
    let other = stranger
        .get(&format!(
            "/api/v1/products?limit=2&sort=price&cursor={cursor}"
        ))
        .await
        .unwrap();
    assert_eq!(refusal(&other), (400, "invalid_cursor".to_owned()));
    for query in [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=many",
        "sort=colour",
        "price_min=-1",
        "nonsense=1",
    ] {
        let reply = stranger
            .get(&format!("/api/v1/products?{query}"))
            .await
            .unwrap();
        assert_eq!(reply.status, 400, "{query}: {}", reply.body);
    }

    shop.product("MINE", 1_000, 5).await.unwrap();
    let (one, other) = (
        shop.customer("one").await.unwrap(),
        shop.customer("other").await.unwrap(),
    );
    let order = one
        .place_order("k", "MINE", 1)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let id = order.text("/id").unwrap();
    let not_found = (404, "not_found".to_owned());
    for path in [
        format!("/api/v1/orders/{id}"),
        format!("/api/v1/orders/{id}/timeline"),
        "/api/v1/orders/ord_1".to_owned(),
    ] {
        assert_eq!(
            refusal(&other.get(&path).await.unwrap()),
            not_found,
            "{path}"
        );
    }
    let cancel = format!("/api/v1/orders/{id}/cancel");
    assert_eq!(
        refusal(&other.post(&cancel, &json!({})).await.unwrap()),
        not_found
    );
    let settled = one.settled_order(id).await.unwrap();
    assert_eq!(settled["status"], "confirmed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_expired_tokens_are_refused_by_the_gateway_and_by_each_service() {
    let shop = Shop::start(harness()).await.unwrap();
    let customer = shop.customer("honest").await.unwrap();
    let forger = forged::Forger::new(shop.harness.data(), customer.token().unwrap());
    let places = [
        ("gateway", "/api/v1/me"),
        ("user", "/api/v1/me"),
        ("product", "/api/v1/admin/products"),
        ("order", "/api/v1/orders"),
        ("notification", "/api/v1/me/notifications"),
    ];
    for (service, path) in places {
        let direct = customer.at(shop.run.address(service).unwrap());
        let honest = direct.with_token(&forger.honest()).get(path).await.unwrap();
        assert!(
            honest.status == 200 || honest.status == 403,
            "{service}: {}",
            honest.body
        );
        for (what, token, code) in forger.tokens() {
            let reply = direct.with_token(&token).get(path).await.unwrap();
            assert_eq!(
                refusal(&reply),
                (401, code.to_owned()),
                "{what} at {service}"
            );
            assert!(
                reply
                    .header("www-authenticate")
                    .unwrap()
                    .starts_with("Bearer"),
                "{what} at {service}"
            );
        }
    }
    let reply = customer.get("/api/v1/admin/orders").await.unwrap();
    assert_eq!(refusal(&reply), (403, "insufficient_scope".to_owned()));
    let reply = shop.stranger().get("/api/v1/me").await.unwrap();
    assert_eq!(refusal(&reply), (401, "token_missing".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_path_trick_reaches_what_a_rule_forbids_and_doubled_headers_are_refused() {
    let shop = Shop::start(harness()).await.unwrap();
    let customer = shop.customer("tricky").await.unwrap();
    let gateway = shop.run.address("gateway").unwrap();
    let authorization = format!("authorization: Bearer {}\r\n", customer.token().unwrap());
    for path in [
        "/api/v1/products/../admin/orders",
        "/api/v1/products/%2e%2e/admin/orders",
        "/api/v1/products/..%2fadmin/orders",
        "/api/v1//admin/orders",
        "//api/v1/admin/orders",
        "/api/v1/admin%2forders",
        "/api/v1/./admin/orders",
        "/api/v1/products\\..\\admin\\orders",
        "/API/V1/ADMIN/ORDERS",
        "/api/v1/%61dmin/orders",
        "/api/v1/admin/orders/",
        "/api/v1/admin/orders;x=1",
        "/api/v1/admin/orders%00",
        "/metrics",
        "/readyz",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n{authorization}\r\n");
        let status = raw::status(gateway, &head).await;
        assert!(
            matches!(status, 400 | 403 | 404),
            "{path} answered {status}"
        );
    }
    let twice = [
        format!("GET /api/v1/me HTTP/1.1\r\nhost: shop\r\n{authorization}{authorization}\r\n"),
        format!(
            "POST /api/v1/orders HTTP/1.1\r\nhost: shop\r\n{authorization}content-type: application/json\r\n\
             idempotency-key: a\r\nidempotency-key: b\r\ncontent-length: 2\r\n\r\n{{}}"
        ),
        format!("GET /api/v1/me HTTP/1.1\r\nhost: shop\r\nhost: other\r\n{authorization}\r\n"),
        format!(
            "POST /api/v1/orders HTTP/1.1\r\nhost: shop\r\n{authorization}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"
        ),
        format!(
            "POST /api/v1/orders HTTP/1.1\r\nhost: shop\r\n{authorization}content-length: 2\r\n\
             transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        "GET /api/v1/products HTTP/1.1\r\n\r\n".to_owned(),
        "GARBAGE\r\n\r\n".to_owned(),
    ];
    for head in &twice {
        assert_eq!(raw::status(gateway, head).await, 400, "{head}");
    }
}
