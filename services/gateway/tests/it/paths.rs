//! Paths that try to get past a route's rule.

use crate::fakes::echo;
use crate::raw;
use crate::shop::{in_front_of, just};

#[tokio::test]
async fn paths_that_two_readers_may_read_differently_are_refused() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for path in [
        "/open/../staff",
        "/open/./x",
        "/open/..",
        "//open/x",
        "/open//x",
        "/open/x//",
        "/open/%2e%2e/staff",
        "/open/%2E%2e/staff",
        "/open/.%2e/staff",
        "/open%2f..%2fstaff",
        "/open/..%2Fstaff",
        "/open/..%5cstaff",
        "/open/..\\staff",
        "/open\\x",
        "/open/x%00",
        "/open/%0a",
        "/open/%252e%252e/staff",
        "/open/..%c0%afstaff",
        "/open/%ff",
        "/open/%zz",
        "/open/%",
        "/st%61ff",
        "/staff;x=1",
        "/open/..;/staff",
        "/open/\u{e9}",
    ] {
        let reply = raw::request(shop.address, &format!("GET {path}"), "").await;
        let (status, code) = raw::outcome(&reply);
        // What is no request at all, the server refuses before the gateway sees it.
        assert!(
            (status, code.as_str()) == (400, "invalid_path") || (status == 400 && code.is_empty()),
            "{path}: {reply}"
        );
    }
    for path in [
        "/open/caf%C3%A9",
        "/open/a%20b",
        "/open/..x/y..",
        "/open/x?a=../../staff",
    ] {
        let reply = raw::request(shop.address, &format!("GET {path}"), "").await;
        assert_eq!(raw::outcome(&reply), just(200, ""), "{path}");
    }
}

#[tokio::test]
async fn a_whole_address_as_the_target_is_read_as_its_path() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for (target, outcome) in [
        ("http://evil.test/open/x", just(200, "")),
        ("http://evil.test/staff", just(401, "token_missing")),
        ("http://evil.test/open/../staff", just(400, "invalid_path")),
        ("http://evil.test", just(307, "")),
    ] {
        let reply = raw::request(shop.address, &format!("GET {target}"), "").await;
        assert_eq!(raw::outcome(&reply), outcome, "{target}");
    }
}
