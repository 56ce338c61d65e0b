//! Wrong route files are refused at start, each with the place in the file.

use crate::shop::setup;

async fn error(file: &str) -> String {
    let error = setup(file)
        .upstream("product", "127.0.0.1:1".parse().unwrap())
        .error()
        .await;
    let begin = "the gateway cannot use its routes: routes.yaml";
    error.strip_prefix(begin).unwrap_or(&error).to_owned()
}

async fn entry_error(entries: &str) -> String {
    error(&format!("mode: replace\nroutes: [{entries}]")).await
}

const GOOD: &str = "{ path: /a, methods: [GET], upstream: product, access: public }";

#[tokio::test]
async fn a_good_file_is_taken() {
    assert_eq!(entry_error(GOOD).await, "it starts");
    assert_eq!(entry_error("").await, "it starts");
}

#[tokio::test]
async fn each_wrong_entry_is_named_with_its_place() {
    for (entry, message) in [
        (
            "{ path: /b, methods: [GET], upstream: prodct, access: public }",
            ": routes[1].upstream: unknown upstream \"prodct\"; known: product",
        ),
        (
            "{ path: b, methods: [GET], upstream: product, access: public }",
            ": routes[1].path: \"b\" does not begin with a slash",
        ),
        (
            "{ path: /b//c, methods: [GET], upstream: product, access: public }",
            ": routes[1].path: \"\" is not a segment of a path, {name} or {*name}",
        ),
        (
            "{ path: /b/, methods: [GET], upstream: product, access: public }",
            ": routes[1].path: \"\" is not a segment of a path, {name} or {*name}",
        ),
        (
            "{ path: /b/.., methods: [GET], upstream: product, access: public }",
            ": routes[1].path: \"..\" is not a segment of a path, {name} or {*name}",
        ),
        (
            "{ path: '/b/x{id}', methods: [GET], upstream: product, access: public }",
            ": routes[1].path: \"x{id}\" is not a segment of a path, {name} or {*name}",
        ),
        (
            "{ path: '/b/{*rest}/c', methods: [GET], upstream: product, access: public }",
            ": routes[1].path: {*rest} must be the end of the path",
        ),
        (
            "{ path: /healthz, methods: [GET], upstream: product, access: public }",
            ": routes[1].path: /healthz is answered by the gateway itself or never routed",
        ),
        (
            "{ path: /metrics, methods: [GET], upstream: product, access: public }",
            ": routes[1].path: /metrics is answered by the gateway itself or never routed",
        ),
        (
            "{ path: /a, methods: [POST, GET], upstream: product, access: public }",
            ": routes[1]: GET /a is routed by routes[0] already",
        ),
        (
            "{ path: /b, methods: [], upstream: product, access: public }",
            ": routes[1].methods: list at least one method",
        ),
        (
            "{ path: /b, methods: [TRACE], upstream: product, access: public }",
            ": routes[1].methods[0]: unknown variant `TRACE`, expected one of `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product }",
            ": routes[1]: missing field `access`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: everybody }",
            ": routes[1].access: unknown variant `everybody`, expected one of `public`, `signed_in`, `roles`, `scopes`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: { roles: [] } }",
            ": routes[1].access: an empty list lets nobody through",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: { roles: [root] } }",
            ": routes[1].access.roles[0]: unknown variant `root`, expected one of `customer`, `support`, `catalog`, `admin`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: { scopes: [catalog] } }",
            ": routes[1].access.scopes[0]: unknown scope \"catalog\"; a scope is a role and `:read` or `:write`, such as `catalog:write`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: public, timeout: 5 }",
            ": routes[1].timeout: unknown field `timeout`, expected one of `path`, `methods`, `upstream`, `access`, `timeout_ms`, `max_body_bytes`, `max_header_bytes`, `rate_limit`, `streaming`",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: public, timeout_ms: 0 }",
            ": routes[1].timeout_ms: must be at least 1",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: public, max_body_bytes: -1 }",
            ": routes[1].max_body_bytes: invalid value: integer `-1`, expected u64",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: public, rate_limit: { requests: 0, window_s: 1 } }",
            ": routes[1].rate_limit.requests: must be at least 1",
        ),
        (
            "{ path: /b, methods: [GET], upstream: product, access: public, rate_limit: { requests: 1 } }",
            ": routes[1].rate_limit: missing field `window_s`",
        ),
    ] {
        assert_eq!(
            entry_error(&format!("{GOOD}, {entry}")).await,
            message,
            "{entry}"
        );
    }
}

#[tokio::test]
async fn patterns_that_differ_in_names_only_are_the_same() {
    let twice = "{ path: '/a/{id}', methods: [GET], upstream: product, access: public }, \
                 { path: '/a/{name}', methods: [GET], upstream: product, access: signed_in }";
    assert_eq!(
        entry_error(twice).await,
        ": routes[1]: GET /a/{name} is routed by routes[0] already"
    );
}

#[tokio::test]
async fn a_file_that_is_not_one_of_routes_is_refused() {
    assert_eq!(
        error("mode: append\nroutes: []").await,
        ": mode: unknown variant `append`, expected `extend` or `replace`"
    );
    assert_eq!(
        error("paths: []").await,
        ": paths: unknown field `paths`, expected `mode` or `routes`"
    );
    assert_eq!(error("mode: replace").await, ": .: missing field `routes`");
    assert!(error("routes: [").await.starts_with(" is not YAML: "));
    assert!(
        error("routes: []\nroutes: []")
            .await
            .starts_with(" is not YAML: ")
    );
    let missing =
        setup("").with(|settings| settings.routes_file = Some("/nowhere/routes.yaml".into()));
    assert_eq!(
        missing.error().await,
        "the gateway cannot use its routes: cannot read the routes file /nowhere/routes.yaml: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn the_routes_of_the_binary_need_their_services() {
    let error = setup("routes: []").error().await;
    assert_eq!(
        error,
        "the gateway cannot use its routes: the routes of the binary: routes[0].upstream: unknown upstream \"user\"; known: "
    );
}
