//! Who may pass.

use contracts::{Clock as _, Role, SystemClock};
use serde_json::json;

use crate::fakes::{echo, got};
use crate::shop::{ROUTES, answered_by, claims, in_front_of, just, problem, setup};

#[tokio::test]
async fn a_route_lets_through_whom_its_rule_names() {
    use Role::{Admin, Catalog, Customer, Support};
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    for (path, roles, expected) in [
        ("/open/x", None, Ok("one")),
        ("/open/x", Some(vec![]), Ok("one")),
        ("/mine", None, Err(401)),
        ("/mine", Some(vec![]), Ok("one")),
        ("/mine", Some(vec![Customer]), Ok("one")),
        ("/staff", None, Err(401)),
        ("/staff", Some(vec![Customer]), Err(403)),
        ("/staff", Some(vec![Customer, Support]), Ok("one")),
        ("/staff", Some(vec![Catalog]), Ok("one")),
        ("/staff", Some(vec![Admin]), Ok("one")),
    ] {
        let client = match &roles {
            None => shop.anonymous.clone(),
            Some(roles) => shop.signed_in(roles),
        };
        let reply = client.get(path).await.unwrap();
        assert_eq!(answered_by(&reply), expected, "{path} {roles:?}");
    }
}

#[tokio::test]
async fn the_default_routes_keep_areas_apart() {
    use Role::{Admin, Catalog, Customer, Support};
    let any = echo("any").await;
    let shop = ["user", "product", "order", "notification"]
        .into_iter()
        .fold(setup("routes: []"), |setup, name| {
            setup.upstream(name, any.address)
        })
        .start()
        .await;
    let everybody = [Customer, Support, Catalog, Admin];
    for (method, path, allowed) in [
        ("GET", "/api/v1/me", &everybody[..]),
        ("GET", "/api/v1/orders", &everybody[..]),
        ("GET", "/api/v1/me/events", &everybody[..]),
        ("POST", "/api/v1/admin/products", &[Catalog, Admin][..]),
        ("GET", "/api/v1/admin/inventory/MUG", &[Catalog, Admin][..]),
        ("GET", "/api/v1/admin/orders", &[Support, Admin][..]),
        (
            "POST",
            "/api/v1/admin/orders/ord_1/cancel",
            &[Support, Admin][..],
        ),
        ("POST", "/api/v1/admin/orders/ord_1/shipments", &[Admin][..]),
        (
            "PATCH",
            "/api/v1/admin/orders/ord_1/shipments/shp_1",
            &[Admin][..],
        ),
        ("GET", "/api/v1/admin/users", &[Admin][..]),
        ("PUT", "/api/v1/admin/users/usr_1/roles", &[Admin][..]),
        (
            "GET",
            "/api/v1/admin/services/order/parked-messages",
            &[Admin][..],
        ),
    ] {
        for role in everybody {
            let request = shop
                .signed_in(&[role])
                .request(method.parse().unwrap(), path);
            let reply = testkit::client::send(request).await.unwrap();
            let expected = if allowed.contains(&role) {
                Ok("any")
            } else {
                Err(403)
            };
            assert_eq!(answered_by(&reply), expected, "{method} {path} {role}");
        }
        let request = shop.anonymous.request(method.parse().unwrap(), path);
        let reply = testkit::client::send(request).await.unwrap();
        assert_eq!(answered_by(&reply), Err(401), "{method} {path} signed out");
    }
}

#[tokio::test]
async fn scopes_are_the_areas_of_roles() {
    let one = echo("one").await;
    let routes = r#"{ mode: replace, routes: [
        { path: "/x", methods: [GET], upstream: one, access: { scopes: ["catalog:read", "support:write"] } } ] }"#;
    let shop = setup(routes).upstream("one", one.address).start().await;
    for (role, expected) in [
        (Role::Customer, Err(403)),
        (Role::Catalog, Ok("one")),
        (Role::Support, Ok("one")),
        (Role::Admin, Ok("one")),
    ] {
        let reply = shop.signed_in(&[role]).get("/x").await.unwrap();
        assert_eq!(answered_by(&reply), expected, "{role}");
    }
}

#[tokio::test]
async fn who_is_not_let_through_is_told_why() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let reply = shop.anonymous.get("/mine").await.unwrap();
    assert_eq!(problem(&reply), just(401, "token_missing"));
    assert_eq!(
        reply.header("www-authenticate"),
        Some("Bearer realm=\"shop\"")
    );
    let reply = shop
        .signed_in(&[Role::Customer])
        .get("/staff")
        .await
        .unwrap();
    assert_eq!(problem(&reply), just(403, "insufficient_scope"));
}

#[tokio::test]
async fn expired_and_forged_tokens_are_refused() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let (good, other) = (shop.token(&[Role::Admin]), in_front_of(&one).await);
    let mut expired = claims(&[Role::Admin]);
    expired.exp = SystemClock.now().unix_seconds() - 1;
    let mut audience = claims(&[Role::Admin]);
    "elsewhere".clone_into(&mut audience.aud);
    let mut issuer = claims(&[Role::Admin]);
    "https://elsewhere".clone_into(&mut issuer.iss);
    let (head, rest) = good.split_once('.').unwrap();
    let payload = rest.split('.').next().unwrap();
    // {"alg":"none","typ":"at+jwt"}
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{payload}.");
    for (name, token, code) in [
        ("expired", shop.sign(&expired), "token_expired"),
        ("audience", shop.sign(&audience), "token_invalid"),
        ("issuer", shop.sign(&issuer), "token_invalid"),
        (
            "somebody else's key",
            other.token(&[Role::Admin]),
            "token_invalid",
        ),
        (
            "no signature",
            format!("{head}.{payload}."),
            "token_invalid",
        ),
        ("alg none", unsigned, "token_invalid"),
        ("changed", format!("{good}x"), "token_invalid"),
        ("nonsense", "nonsense".to_owned(), "token_invalid"),
    ] {
        let reply = shop
            .anonymous
            .with_token(&token)
            .get("/staff")
            .await
            .unwrap();
        assert_eq!(problem(&reply), just(401, code), "{name}");
        assert_eq!(
            reply.header("www-authenticate"),
            Some("Bearer realm=\"shop\", error=\"invalid_token\""),
            "{name}"
        );
    }
    assert_eq!(
        answered_by(
            &shop
                .anonymous
                .with_token(&good)
                .get("/staff")
                .await
                .unwrap()
        ),
        Ok("one")
    );
}

#[tokio::test]
async fn without_keys_nobody_can_tell() {
    let one = echo("one").await;
    let shop = setup(ROUTES)
        .upstream("one", one.address)
        .with(|settings| settings.auth.jwks = "/nowhere/jwks.json".to_owned())
        .start()
        .await;
    let reply = shop.signed_in(&[Role::Admin]).get("/mine").await.unwrap();
    assert_eq!(problem(&reply), just(503, "keys_unavailable"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(
        answered_by(&shop.anonymous.get("/open/x").await.unwrap()),
        Ok("one")
    );
}

#[tokio::test]
async fn the_service_gets_the_callers_own_token() {
    let one = echo("one").await;
    let shop = in_front_of(&one).await;
    let client = shop.signed_in(&[Role::Customer]);
    let reply = client.post("/mine", &json!({})).await.unwrap();
    let token = format!("Bearer {}", client.token().unwrap());
    assert_eq!(got(&reply.body, "authorization"), vec![token.as_str()]);
}
