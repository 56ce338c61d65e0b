//! How much and how often.

use contracts::Role;
use reqwest::Method;
use serde_json::json;
use testkit::client::send;

use crate::fakes::echo;
use crate::shop::{ROUTES, answered_by, in_front_of, just, problem, setup};

const LIMITED: &str = r#"
mode: replace
routes:
  - { path: "/limited", methods: [GET], upstream: one, access: public, rate_limit: { requests: 2, window_s: 60 } }
  - { path: "/mine", methods: [GET], upstream: one, access: signed_in, rate_limit: { requests: 1, window_s: 3600, burst: 1 } }
  - { path: "/general", methods: [GET], upstream: one, access: public }
"#;

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_back() {
    let one = echo("one").await;
    let shop = setup(LIMITED).upstream("one", one.address).start().await;
    for _ in 0..2 {
        let reply = shop.anonymous.get("/limited").await.unwrap();
        assert_eq!(answered_by(&reply), Ok("one"));
    }
    let reply = shop.anonymous.get("/limited").await.unwrap();
    assert_eq!(problem(&reply), just(429, "too_many_requests"));
    let wait = reply.header("retry-after").unwrap();
    assert!((1..=30).contains(&wait.parse::<u32>().unwrap()), "{wait}");
    assert_eq!(
        reply.header("ratelimit"),
        Some(format!("\"route\";r=0;t={wait}").as_str())
    );
    assert_eq!(reply.header("ratelimit-policy"), Some("\"route\";q=2;w=60"));
    let reply = shop.anonymous.get("/general").await.unwrap();
    assert_eq!(
        answered_by(&reply),
        Ok("one"),
        "another route's limit is another"
    );
}

#[tokio::test]
async fn accounts_are_counted_apart_from_each_other_and_from_addresses() {
    let one = echo("one").await;
    let shop = setup(LIMITED).upstream("one", one.address).start().await;
    let (first, second) = (
        shop.signed_in(&[Role::Customer]),
        shop.signed_in(&[Role::Customer]),
    );
    for (client, expected) in [
        (&first, Ok("one")),
        (&first, Err(429)),
        (&second, Ok("one")),
    ] {
        assert_eq!(answered_by(&client.get("/mine").await.unwrap()), expected);
    }
    // Who has no valid token is counted by address, so guessing tokens ends soon.
    for expected in [401, 429] {
        assert_eq!(shop.anonymous.get("/mine").await.unwrap().status, expected);
    }
}

#[tokio::test]
async fn addresses_are_told_apart_by_what_trusted_proxies_saw() {
    let one = echo("one").await;
    let shop = setup(LIMITED)
        .upstream("one", one.address)
        .with(|settings| settings.http.trusted_hops = 1)
        .start()
        .await;
    for (address, expected) in [
        ("192.0.2.1", 200),
        ("192.0.2.1", 200),
        ("192.0.2.1", 429),
        ("192.0.2.2", 200),
    ] {
        let request = shop.anonymous.request(Method::GET, "/limited");
        let request = request.header("x-forwarded-for", address);
        assert_eq!(
            send(request).await.unwrap().status.as_u16(),
            expected,
            "{address}"
        );
    }
}

#[tokio::test]
async fn the_general_limit_can_be_set_and_all_limits_can_be_turned_off() {
    let one = echo("one").await;
    let shop = setup(LIMITED)
        .upstream("one", one.address)
        .with(|settings| {
            settings.rate_limit.requests = 1;
            settings.rate_limit.burst = 3;
        })
        .start()
        .await;
    for expected in [200, 200, 200, 429] {
        assert_eq!(
            shop.anonymous.get("/general").await.unwrap().status,
            expected
        );
    }
    let shop = setup(LIMITED)
        .upstream("one", one.address)
        .with(|settings| {
            settings.rate_limit.burst = 1;
            settings.rate_limit.enabled = false;
        })
        .start()
        .await;
    for path in ["/general", "/general", "/limited", "/limited", "/limited"] {
        assert_eq!(
            shop.anonymous.get(path).await.unwrap().status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn headers_over_the_limit_are_a_431() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for (size, outcome) in [(1000, None), (2000, Some(just(431, "headers_too_large")))] {
        let request = shop
            .anonymous
            .request(Method::POST, "/small")
            .json(&json!({}));
        let reply = send(request.header("x-long", "x".repeat(size)))
            .await
            .unwrap();
        assert_eq!(
            (reply.status != 200).then(|| problem(&reply)),
            outcome,
            "{size}"
        );
    }
}

#[tokio::test]
async fn an_address_over_8_kib_is_a_414_also_for_the_gateway_s_own_pages() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for path in ["/open", "/healthz"] {
        let longest = 8 * 1024 - path.len() - 1;
        for (size, expected) in [(longest, 200), (longest + 1, 414)] {
            let path = format!("{path}?{}", "q".repeat(size));
            let reply = shop.anonymous.get(&path).await.unwrap();
            assert_eq!(reply.status, expected);
        }
    }
    let long = format!("/open?{}", "q".repeat(9_000));
    let reply = shop.anonymous.get(&long).await.unwrap();
    assert_eq!(problem(&reply), just(414, "uri_too_long"));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_at_start() {
    let error = setup(ROUTES)
        .upstream("one", "127.0.0.1:1".parse().unwrap())
        .with(|settings| settings.rate_limit.requests = 0)
        .error()
        .await;
    assert_eq!(
        error,
        "the gateway cannot be set up like this: setting `rate_limit.requests`: must be at least 1"
    );
    for url in [
        "one:80",
        "https://one",
        "http://one/path",
        "http://user@one",
        "",
    ] {
        let error = setup(ROUTES)
            .upstream("one", "127.0.0.1:1".parse().unwrap())
            .with(|settings| settings.upstreams.get_mut("one").unwrap().url = url.to_owned())
            .error()
            .await;
        assert_eq!(
            error,
            "the gateway cannot be set up like this: setting `upstreams.one.url`: must be an address such as \
             http://127.0.0.1:3001, without a path",
            "{url}"
        );
    }
}
