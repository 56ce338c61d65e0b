//! The gateway's own pages.

use axum::Router;
use axum::routing::get;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::Detail;
use testkit::client::{Client, send};
use testkit::wait;

use crate::fakes::{Fake, echo_router, fake};
use crate::shop::{Shop, setup};

const ROUTES: &str = r#"
mode: replace
routes:
  - { path: "/api/a/{id}", methods: [GET], upstream: one, access: public }
  - { path: "/api/services/one/parked", methods: [GET], upstream: one, access: public }
  - { path: "/api/b", methods: [GET, POST], upstream: two, access: public }
  - { path: "/api/services/two/parked", methods: [GET], upstream: two, access: public }
"#;

/// A service that describes itself like this.
async fn described(document: Value) -> Fake {
    let document = move || {
        let document = document.clone();
        async move { axum::Json(document) }
    };
    fake(Router::new().route("/openapi.json", get(document))).await
}

fn first() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "One", "version": "1"},
        "paths": {
            "/api/a/{id}": {"get": {"operationId": "show", "responses": {"200": {
                "description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}}},
            "/api/hidden": {"get": {"operationId": "hidden", "responses": {}}},
            "/api/services/{service}/parked": {"get": {"operationId": "parked", "tags": ["parked"],
                "parameters": [{"name": "service", "in": "path", "required": true}, {"name": "limit", "in": "query"}],
                "responses": {}}},
        },
        "components": {"schemas": {
            "Shared": {"type": "object"},
            "Thing": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Inner"}}},
            "Inner": {"type": "string"},
        }},
    })
}

fn second() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Two", "version": "1"},
        "paths": {
            "/api/b": {
                "get": {"operationId": "show", "responses": {"200": {
                    "description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}}},
                "delete": {"operationId": "gone", "responses": {}},
            },
            "/api/a/{id}": {"get": {"operationId": "stolen", "responses": {}}},
            "/api/services/{service}/parked": {"get": {"operationId": "parked", "tags": ["parked"],
                "parameters": [{"name": "service", "in": "path", "required": true}], "responses": {}}},
        },
        "components": {"schemas": {
            "Shared": {"type": "object"},
            "Thing": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/Inner"}}},
            "Inner": {"type": "integer"},
        }},
    })
}

/// The description once this many services are in it.
async fn description(shop: &Shop, missing: &[&str], stale: &[&str]) -> Value {
    wait::until("the description", || async {
        let reply = shop.anonymous.get("/openapi.json").await?.expect(200)?;
        let info = &reply.body["info"];
        let as_wanted = info["x-missing-services"] == json!(missing)
            && info["x-stale-services"] == json!(stale);
        Ok(as_wanted.then_some(reply.body))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_descriptions_of_all_services_are_one() {
    let (one, two) = (described(first()).await, described(second()).await);
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .upstream("two", two.address)
        .start()
        .await;
    let merged = description(&shop, &[], &[]).await;
    assert_eq!(merged["info"]["title"], "The shop");
    let paths: Vec<_> = merged["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "/api/a/{id}",
            "/api/b",
            "/api/services/one/parked",
            "/api/services/two/parked",
            "/healthz",
            "/openapi.json"
        ],
        "only what the gateway leads to"
    );
    let schemas = &merged["components"]["schemas"];
    assert_eq!(
        schemas["Shared"],
        json!({"type": "object"}),
        "what is alike is shared"
    );
    assert!(
        schemas["Problem"].is_object() && schemas["FieldError"].is_object(),
        "what the gateway itself answers is described without a service"
    );
    assert_eq!(
        (&schemas["Inner"], &schemas["TwoInner"]),
        (&json!({"type": "string"}), &json!({"type": "integer"}))
    );
    assert_eq!(
        schemas["TwoThing"]["properties"]["inner"]["$ref"], "#/components/schemas/TwoInner",
        "what looks alike but means another is another"
    );
    let get_b = &merged["paths"]["/api/b"]["get"];
    assert_eq!(
        get_b["responses"]["200"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/TwoThing"
    );
    assert_eq!(
        (&get_b["operationId"], &get_b["tags"]),
        (&json!("two_show"), &json!(["two"]))
    );
    assert_eq!(merged["paths"]["/api/b"]["delete"], Value::Null);
    assert_eq!(
        merged["paths"]["/api/a/{id}"]["get"]["operationId"], "show",
        "not the one that is not routed there"
    );
    assert_eq!(
        get_b["responses"]["504"],
        json!({"description": "`upstream_timeout`", "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"}}}}),
        "what the gateway may answer in the service's place"
    );
    let parked = &merged["paths"]["/api/services/one/parked"]["get"];
    assert_eq!(
        parked["parameters"],
        json!([{"name": "limit", "in": "query"}])
    );
}

#[tokio::test]
async fn a_service_that_is_away_is_named_and_its_last_word_stands() {
    let one = described(first()).await;
    let gone = crate::fakes::raw(|_, _| async {}).await.address;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .upstream("two", gone)
        .with(|settings| settings.openapi.refresh_s = 1)
        .start()
        .await;
    let merged = description(&shop, &["two"], &[]).await;
    let text = merged["info"]["description"].as_str().unwrap();
    assert!(
        text.ends_with("Not described here, because they do not answer: two."),
        "{text}"
    );
    assert_eq!(merged["paths"]["/api/b"], Value::Null);
    one.stop().await;
    let merged = description(&shop, &["two"], &["one"]).await;
    assert_eq!(merged["paths"]["/api/a/{id}"]["get"]["operationId"], "show");
}

#[tokio::test]
async fn the_docs_are_a_page_that_needs_nothing_from_elsewhere() {
    let one = described(first()).await;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .upstream("two", one.address)
        .start()
        .await;
    let page = |path: &str| shop.anonymous.request(Method::GET, path).send();
    let root = page("/").await.unwrap();
    assert_eq!(
        (
            root.status().as_u16(),
            root.headers()["location"].to_str().unwrap()
        ),
        (307, "/docs")
    );
    let html = page("/docs").await.unwrap();
    assert_eq!(html.headers()["content-type"], "text/html; charset=utf-8");
    let policy = html.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    let html = html.text().await.unwrap();
    assert!(!html.contains("://"), "{html}");
    for (path, content_type, least) in [
        (
            "/docs/swagger-ui-bundle.js",
            "text/javascript; charset=utf-8",
            1_000_000,
        ),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", 100_000),
        ("/docs/favicon-32x32.png", "image/png", 500),
        ("/docs/start.js", "text/javascript; charset=utf-8", 100),
    ] {
        let file = page(path).await.unwrap();
        assert_eq!(file.status(), 200, "{path}");
        assert_eq!(file.headers()["content-type"], content_type, "{path}");
        let tag = file.headers()["etag"].clone();
        assert!(file.bytes().await.unwrap().len() >= least, "{path}");
        assert!(path == "/docs/start.js" || html.contains(path), "{path}");
        let again = shop
            .anonymous
            .request(Method::GET, path)
            .header("if-none-match", tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "{path}");
    }
    assert_eq!(page("/docs/nothing").await.unwrap().status(), 404);
}

/// The shop's health once this is at that place.
async fn health(shop: &Shop, pointer: &str, status: &str) -> (u16, Value) {
    wait::until(&format!("{pointer} to be {status}"), || async {
        let reply = shop.anonymous.get("/healthz").await?;
        let as_wanted = reply.body.pointer(pointer) == Some(&json!(status));
        Ok(as_wanted.then_some((reply.status.as_u16(), reply.body)))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn one_look_tells_what_is_up() {
    let (one, two) = (
        fake(echo_router("one")).await,
        fake(echo_router("two")).await,
    );
    let shop = setup(ROUTES)
        .watched("one", &one)
        .watched("two", &two)
        .start()
        .await;
    let ok = json!({"status": "ok", "back_ends": {"store": "memory"}});
    let seen = health(&shop, "/status", "ok").await;
    assert_eq!(
        seen,
        (
            200,
            json!({"status": "ok", "services": {"one": ok, "two": ok}})
        )
    );

    let reason = "away".to_owned();
    one.health.set_detail("broker", Detail::Degraded { reason });
    let (status, seen) = health(&shop, "/services/one/status", "degraded").await;
    assert_eq!(
        (status, &seen["status"], &seen["services"]["one"]["status"]),
        (200, &json!("degraded"), &json!("degraded"))
    );

    two.stop().await;
    let (status, seen) = health(&shop, "/services/two/status", "down").await;
    assert_eq!((status, &seen["status"]), (200, &json!("degraded")));
    assert_eq!(
        seen["services"]["two"],
        json!({"status": "down", "back_ends": {}})
    );
    let admin = Client::new(&shop.admin.to_string()).unwrap();
    let ready = admin.get("/readyz").await.unwrap();
    assert_eq!(
        (ready.status.as_u16(), &ready.body["status"]),
        (200, &json!("degraded")),
        "the gateway itself is ready"
    );

    one.stop().await;
    wait::until("nothing to be up", || async {
        let reply = shop.anonymous.get("/healthz").await?;
        Ok((reply.status == 503).then_some(()))
    })
    .await
    .unwrap();
    let request = shop.anonymous.request(Method::HEAD, "/healthz");
    assert_eq!(send(request).await.unwrap().status, 503);
}
