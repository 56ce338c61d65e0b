//! Which request goes where.

use reqwest::Method;
use serde_json::json;

use crate::fakes::echo;
use crate::raw;
use crate::shop::{answered_by, in_front_of, just, problem, setup};

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let reply = shop
        .anonymous
        .post("/open/a/b?c=d&e=%2F..%2f", &json!({"f": 1}))
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    for (what, value) in [
        ("method", "POST"),
        ("target", "/open/a/b?c=d&e=%2F..%2f"),
        ("body", "{\"f\":1}"),
        ("version", "HTTP/2.0"),
    ] {
        assert_eq!(reply.body[what], value, "{what}");
    }
}

#[tokio::test]
async fn the_narrowest_route_wins_and_a_prefix_covers_itself() {
    let (one, two, three) = (echo("one").await, echo("two").await, echo("three").await);
    let routes = r#"
mode: replace
routes:
  - { path: "/a/{*rest}", methods: [GET], upstream: one, access: public }
  - { path: "/a/b/{*rest}", methods: [GET], upstream: two, access: public }
  - { path: "/a/b/c", methods: [GET], upstream: three, access: public }
  - { path: "/a/{id}/d", methods: [GET], upstream: three, access: public }
"#;
    let shop = setup(routes)
        .upstream("one", one.address)
        .upstream("two", two.address)
        .upstream("three", three.address)
        .start()
        .await;
    for (path, service) in [
        ("/a", Ok("one")),
        ("/a/x", Ok("one")),
        ("/a/x/y/z", Ok("one")),
        ("/a/b", Ok("two")),
        ("/a/b/x", Ok("two")),
        ("/a/b/c", Ok("three")),
        ("/a/b/c/e", Ok("two")),
        ("/a/x/d", Ok("three")),
        ("/a/", Err(404)),
        ("/a/b/", Err(404)),
        ("/A", Err(404)),
        ("/b", Err(404)),
    ] {
        let reply = shop.anonymous.get(path).await.unwrap();
        assert_eq!(answered_by(&reply), service, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_method_that_is_not_listed_are_problems() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let reply = shop.anonymous.get("/nowhere").await.unwrap();
    assert_eq!(problem(&reply), just(404, "route_not_found"));
    assert_eq!(reply.body["instance"], "/nowhere");

    let reply = shop.anonymous.post("/staff", &json!({})).await.unwrap();
    assert_eq!(problem(&reply), just(405, "method_not_allowed"));
    assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    let reply = shop.anonymous.request(Method::PATCH, "/open/x");
    let reply = testkit::client::send(reply).await.unwrap();
    assert_eq!(problem(&reply), just(405, "method_not_allowed"));
    assert_eq!(reply.header("allow"), Some("GET, HEAD, POST, PUT, DELETE"));
    let reply = shop.anonymous.post("/healthz", &json!({})).await.unwrap();
    assert_eq!(problem(&reply), just(405, "method_not_allowed"));
}

#[tokio::test]
async fn head_goes_where_get_goes() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let request = shop.anonymous.request(Method::HEAD, "/open/x");
    let reply = testkit::client::send(request).await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, json!(null));
}

#[tokio::test]
async fn tunnels_and_traces_are_never_made() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for line in ["CONNECT one:80", "TRACE /open/x", "BREW /open/x"] {
        let reply = raw::request(shop.address, line, "").await;
        let outcome = raw::outcome(&reply);
        assert_eq!(outcome, just(405, "method_not_allowed"), "{line}");
    }
}

#[tokio::test]
async fn admin_pages_of_services_are_never_routed() {
    let one = echo("one").await;
    let routes = r#"{ mode: replace, routes: [
        { path: "/{*rest}", methods: [GET], upstream: one, access: public } ] }"#;
    let shop = setup(routes).upstream("one", one.address).start().await;
    for path in ["/metrics", "/livez", "/readyz"] {
        let reply = shop.anonymous.get(path).await.unwrap();
        assert_eq!(problem(&reply), just(404, "route_not_found"), "{path}");
    }
    let reply = shop.anonymous.get("/other").await.unwrap();
    assert_eq!(answered_by(&reply), Ok("one"));
}

#[tokio::test]
async fn requests_are_measured_by_route_and_not_by_path() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for path in ["/open/measured/1", "/open/measured/2", "/measured-nowhere"] {
        shop.anonymous.get(path).await.unwrap();
    }
    let admin = testkit::client::Client::new(&shop.admin.to_string()).unwrap();
    let page = admin.request(Method::GET, "/metrics").send().await.unwrap();
    let page = page.text().await.unwrap();
    for line in [
        r#"shop_http_requests_total{service="gateway",method="GET",route="/open/{*rest}",status="200"}"#,
        r#"shop_http_requests_total{service="gateway",method="GET",route="none",status="404"}"#,
        r#"shop_http_request_seconds_count{service="gateway",method="GET",route="/open/{*rest}"}"#,
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    assert!(!page.contains("measured"), "no label is a path");
}

#[tokio::test]
async fn the_routes_of_the_binary_lead_to_the_four_services() {
    let names = ["user", "product", "order", "notification"];
    let mut setup = setup("routes: []");
    let mut fakes = Vec::new();
    for name in names {
        let fake = echo(name).await;
        setup = setup.upstream(name, fake.address);
        fakes.push(fake);
    }
    let shop = setup.start().await;
    let admin = shop.signed_in(&[contracts::Role::Admin]);
    for (path, service) in [
        ("/.well-known/jwks.json", "user"),
        ("/api/v1/auth/sessions", "user"),
        ("/api/v1/me", "user"),
        ("/api/v1/me/addresses", "user"),
        ("/api/v1/admin/users", "user"),
        ("/api/v1/products", "product"),
        ("/api/v1/products/mug", "product"),
        ("/api/v1/categories", "product"),
        ("/api/v1/admin/inventory/MUG/adjustments", "product"),
        ("/api/v1/orders", "order"),
        ("/api/v1/orders/ord_1/timeline", "order"),
        ("/api/v1/admin/orders/ord_1", "order"),
        ("/api/v1/me/notifications", "notification"),
        ("/api/v1/me/events", "notification"),
        ("/api/v1/admin/services/product/parked-messages", "product"),
        (
            "/api/v1/admin/services/order/parked-messages/evt_1",
            "order",
        ),
    ] {
        let reply = admin.get(path).await.unwrap();
        assert_eq!(answered_by(&reply), Ok(service), "{path}");
    }
}

#[tokio::test]
async fn a_file_extends_the_routes_of_the_binary_or_replaces_them() {
    let (order, extra) = (echo("order").await, echo("extra").await);
    let file = r#"
routes:
  - { path: "/api/v1/reviews/{*rest}", methods: [GET], upstream: extra, access: public }
  - { path: "/api/v1/orders/{order}", methods: [GET], upstream: extra, access: public }
"#;
    let ours = |routes: &str| {
        ["user", "product", "order", "notification"]
            .into_iter()
            .fold(setup(routes), |setup, name| {
                setup.upstream(name, order.address)
            })
            .upstream("extra", extra.address)
    };
    let shop = ours(file).start().await;
    let admin = shop.signed_in(&[contracts::Role::Admin]);
    for (path, service) in [
        ("/api/v1/reviews", Ok("extra")),
        ("/api/v1/orders/ord_1", Ok("extra")),
        ("/api/v1/orders", Ok("order")),
        ("/api/v1/orders/ord_1/timeline", Ok("order")),
    ] {
        assert_eq!(
            answered_by(&admin.get(path).await.unwrap()),
            service,
            "{path}"
        );
    }
    let shop = ours(&format!("mode: replace\n{file}")).start().await;
    for (path, service) in [
        ("/api/v1/reviews", Ok("extra")),
        ("/api/v1/orders", Err(404)),
    ] {
        let reply = shop.anonymous.get(path).await.unwrap();
        assert_eq!(answered_by(&reply), service, "{path}");
    }
}
