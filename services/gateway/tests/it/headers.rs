//! What headers pass, in both directions.

use axum::Router;
use axum::routing::get;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{Client, Reply, send};

use crate::fakes::{echo, fake, got};
use crate::raw;
use crate::shop::{ROUTES, Shop, in_front_of, just, problem, setup};

async fn get_with(shop: &Shop, headers: &[(&str, &str)]) -> Reply {
    let request = shop.anonymous.request(Method::GET, "/open/x");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    send(request).await.unwrap()
}

#[tokio::test]
async fn nobody_but_the_gateway_says_who_calls_and_from_where() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let lies = [
        ("x-user-id", "usr_1"),
        ("x-user", "admin"),
        ("x-roles", "admin"),
        ("x_user_id", "usr_1"),
        ("x-auth-request-email", "a@b"),
        ("x-real-ip", "6.6.6.6"),
        ("x-original-url", "/admin"),
        ("x-http-method-override", "DELETE"),
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-prefix", "/evil"),
    ];
    let reply = get_with(&shop, &lies).await;
    for (name, _) in lies
        .iter()
        .filter(|(name, _)| !name.starts_with("x-forwarded"))
    {
        assert_eq!(got(&reply.body, name), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(got(&reply.body, "x-forwarded-for"), vec!["127.0.0.1"]);
    assert_eq!(got(&reply.body, "x-forwarded-proto"), vec!["http"]);
    let host = shop.address.to_string();
    assert_eq!(got(&reply.body, "x-forwarded-host"), vec![host.as_str()]);
    assert_eq!(got(&reply.body, "x-forwarded-prefix"), Vec::<&str>::new());
}

#[tokio::test]
async fn what_trusted_proxies_saw_is_believed_and_passed_on() {
    let one = echo("one").await;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .with(|settings| settings.http.trusted_hops = 1)
        .start()
        .await;
    let reply = get_with(
        &shop,
        &[
            ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
            ("x-forwarded-proto", "https"),
        ],
    )
    .await;
    assert_eq!(got(&reply.body, "x-forwarded-for"), vec!["192.0.2.7"]);
    assert_eq!(got(&reply.body, "x-forwarded-proto"), vec!["https"]);
    assert_eq!(
        reply.header("strict-transport-security"),
        Some("max-age=31536000")
    );
}

#[tokio::test]
async fn headers_for_one_hop_are_not_passed_on() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let headers = "Connection: close, X-Secret-Hop\r\nX-Secret-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n\
                   Trailer: Expires\r\nUpgrade: websocket\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: x\r\n\
                   Accept: text/x\r\n";
    let text = format!("GET /open/x HTTP/1.1\r\nHost: shop.test\r\n{headers}\r\n");
    let reply = raw::send(shop.address, &text).await;
    let body = reply.split("\r\n\r\n").nth(1).unwrap();
    let seen: Value = serde_json::from_str(body).unwrap();
    let names: Vec<&str> = seen["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header[0].as_str().unwrap())
        .collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "accept",
            "traceparent",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "x-request-id"
        ]
    );
}

#[tokio::test]
async fn replies_lose_what_is_for_one_hop_and_get_what_protects_browsers() {
    let reply = || async {
        axum::response::Response::builder()
            .header("keep-alive", "timeout=5")
            .header("proxy-authenticate", "Basic")
            .header("server", "secret/1.0")
            .header("x-powered-by", "secret")
            .header("access-control-allow-origin", "*")
            .header("x-request-id", "of-the-service")
            .header("etag", "\"1\"")
            .body(axum::body::Body::from("{}"))
            .unwrap()
    };
    let one = fake(Router::new().route("/open/x", get(reply))).await;
    for http1 in [false, true] {
        let setup = setup(ROUTES);
        let setup = if http1 {
            setup.http1_upstream("one", one.address)
        } else {
            setup.upstream("one", one.address)
        };
        let shop = setup.start().await;
        let reply = get_with(&shop, &[("x-request-id", "mine")]).await;
        let mut headers: Vec<_> = reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(name, _)| *name != "date")
            .collect();
        headers.sort_unstable();
        assert_eq!(
            headers,
            [
                ("content-length", "2"),
                (
                    "content-security-policy",
                    "default-src 'none'; frame-ancestors 'none'"
                ),
                ("etag", "\"1\""),
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("x-request-id", "mine"),
            ]
        );
    }
}

#[tokio::test]
async fn a_request_id_is_taken_or_made_echoed_and_passed_on() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let reply = get_with(&shop, &[("x-request-id", "client-7.a_B")]).await;
    assert_eq!(reply.header("x-request-id"), Some("client-7.a_B"));
    assert_eq!(got(&reply.body, "x-request-id"), vec!["client-7.a_B"]);
    for id in ["", "a b", "<script>"] {
        let reply = get_with(&shop, &[("x-request-id", id)]).await;
        let made = reply.header("x-request-id").unwrap();
        assert_eq!((made.len(), made != id), (32, true));
        assert_eq!(got(&reply.body, "x-request-id"), vec![made]);
    }
}

#[tokio::test]
async fn a_trace_is_continued_or_begun() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let reply = get_with(&shop, &[("traceparent", sent)]).await;
    let passed = got(&reply.body, "traceparent");
    assert_eq!(passed.len(), 1);
    assert!(
        passed[0].starts_with("00-0af7651916cd43dd8448eb211c80319c-") && passed[0] != sent,
        "{passed:?}"
    );
    for sent in [&[][..], &[("traceparent", "junk")]] {
        let reply = get_with(&shop, sent).await;
        let passed = got(&reply.body, "traceparent");
        assert_eq!((passed.len(), passed[0].len()), (1, 55), "{passed:?}");
    }
}

#[tokio::test]
async fn a_header_that_decides_something_must_not_come_twice() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "x-request-id",
        "host",
    ] {
        let reply = get_with(&shop, &[(name, "a"), (name, "b")]).await;
        assert_eq!(problem(&reply), just(400, "duplicate_header"), "{name}");
        assert_eq!(reply.body["detail"], format!("Send {name} once."));
    }
    let reply = get_with(&shop, &[("accept", "a"), ("accept", "b")]).await;
    assert_eq!(
        got(&reply.body, "accept"),
        vec!["a", "b"],
        "a list may be split"
    );
}

async fn post_raw(shop: &Shop, headers: &str, rest: &str) -> String {
    let text = format!("POST /open/x HTTP/1.1\r\nHost: a\r\n{headers}\r\n{rest}");
    raw::send(shop.address, &text).await
}

#[tokio::test]
async fn a_body_whose_length_can_be_read_in_two_ways_is_refused() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: -1\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
    ] {
        let reply = post_raw(&shop, headers, "0\r\n\r\nhello").await;
        assert_eq!(raw::outcome(&reply).0, 400, "{headers}: {reply}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_say_which_host_it_is_for_is_refused() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let text = "GET /open/x HTTP/1.1\r\nConnection: close\r\n\r\n";
    let reply = raw::send(shop.address, text).await;
    assert_eq!(raw::outcome(&reply), (400, "host_missing".to_owned()));
}

/// RFC 9112, section 6.3, lets a server read such a request by its chunks if it closes the connection after it. hyper does,
/// and hides the length, so nobody behind it reads another request.
#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for headers in [
        "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n",
    ] {
        let smuggled = "GET /open/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        let reply = post_raw(
            &shop,
            headers,
            &format!("5\r\nhello\r\n0\r\n\r\n{smuggled}"),
        )
        .await;
        assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
        let seen: Value = serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!(
            (&seen["body"], got(&seen, "content-length").len()),
            (&json!("hello"), 0)
        );
    }
    let reply = post_raw(
        &shop,
        "Connection: close\r\nContent-Length: 5\r\nContent-Length: 5\r\n",
        "hello",
    )
    .await;
    let seen: Value = serde_json::from_str(reply.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        got(&seen, "content-length"),
        vec!["5"],
        "the same length twice is one length"
    );
}

#[tokio::test]
async fn only_pages_of_exact_origins_may_use_the_api() {
    let one = echo("one").await;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .with(|settings| settings.cors.origins = vec!["https://web.test".to_owned()])
        .start()
        .await;
    let ours = [("origin", "https://web.test")];
    let reply = get_with(&shop, &ours).await;
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("https://web.test")
    );
    assert_eq!(reply.header("vary"), Some("origin"));
    for other in [
        "https://web.test.evil.test",
        "http://web.test",
        "null",
        "https://WEB.test",
    ] {
        let reply = get_with(&shop, &[("origin", other)]).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{other}");
        assert_eq!(reply.header("vary"), Some("origin"), "{other}");
    }
    let asked = preflight(&shop.anonymous, "https://web.test").await;
    assert_eq!(asked.status, 204);
    assert_eq!(
        asked.header("access-control-allow-methods"),
        Some("GET, HEAD, POST")
    );
    assert_eq!(asked.header("access-control-max-age"), Some("600"));
    assert_eq!(
        asked.header("access-control-allow-origin"),
        Some("https://web.test")
    );
    let asked = preflight(&shop.anonymous, "https://evil.test").await;
    assert_eq!(problem(&asked), just(405, "method_not_allowed"));

    let shop = in_front_of(&one).await;
    let reply = get_with(&shop, &ours).await;
    assert_eq!(
        (
            reply.header("access-control-allow-origin"),
            reply.header("vary")
        ),
        (None, None)
    );
    assert_eq!(
        preflight(&shop.anonymous, "https://web.test").await.status,
        405
    );
}

async fn preflight(client: &Client, origin: &str) -> Reply {
    let request = client
        .request(Method::OPTIONS, "/mine")
        .header("origin", origin)
        .header("access-control-request-method", "POST");
    send(request).await.unwrap()
}

#[tokio::test]
async fn wrong_origins_are_refused_at_start() {
    let error = setup(ROUTES)
        .upstream("one", "127.0.0.1:1".parse().unwrap())
        .with(|settings| settings.cors.origins = vec!["*".to_owned()])
        .error()
        .await;
    assert_eq!(
        error,
        "the gateway cannot be set up like this: setting `cors.origins`: \"*\" is not an origin such as https://shop.example"
    );
}
