//! What is refused, and how.

use access_token::{Claims, SigningKeys, TOKEN_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{Role, SessionId, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::json;
use testkit::client::{Client, PASSWORD, send};

use crate::service::{Service, just, key_file, problem, start};

#[tokio::test]
async fn every_path_needs_a_token_and_administrators_paths_their_role() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let anybody = "usr_019abcde0000700080000000000000ff";
    let address = "/api/v1/me/addresses/adr_019abcde0000700080000000000000ff";
    let session = "/api/v1/auth/sessions/ses_019abcde0000700080000000000000ff";
    let user = format!("/api/v1/admin/users/{anybody}");
    let roles = format!("{user}/roles");
    for (method, path, of_customers) in [
        (Method::GET, "/api/v1/me", 200),
        (Method::PATCH, "/api/v1/me", 422),
        (Method::GET, "/api/v1/me/addresses", 200),
        (Method::POST, "/api/v1/me/addresses", 422),
        (Method::GET, address, 404),
        (Method::PUT, address, 422),
        (Method::PATCH, address, 422),
        (Method::DELETE, address, 404),
        (Method::GET, "/api/v1/auth/sessions", 200),
        (Method::DELETE, session, 404),
        (Method::POST, "/api/v1/me/password", 422),
        (Method::GET, "/api/v1/admin/users", 403),
        (Method::GET, user.as_str(), 403),
        (Method::PUT, roles.as_str(), 403),
    ] {
        for (client, status) in [(&service.anonymous, 401), (&ada, of_customers)] {
            // A field that no body has; PUT of roles is well-formed, so that only the role is missing.
            let body = if path.ends_with("/roles") {
                json!({"roles": ["admin"]})
            } else {
                json!({"no such field": 1})
            };
            let request = client.request(method.clone(), path).json(&body);
            let reply = send(request).await.unwrap();
            assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
            if status == 401 {
                assert!(reply.header("www-authenticate").is_some());
            }
        }
    }
    service.stop().await;
}

fn claims(service: &Service, user_id: UserId) -> Claims {
    let now = service.now();
    Claims {
        iss: "https://shop.local".to_owned(),
        aud: "shop".to_owned(),
        sub: user_id,
        sid: SessionId::at(now),
        jti: "1".to_owned(),
        roles: vec![Role::Customer, Role::Admin],
        iat: now.unix_seconds(),
        exp: now.unix_seconds() + 600,
    }
}

#[tokio::test]
async fn forged_and_foreign_tokens_open_nothing() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let me = ada.get("/api/v1/me").await.unwrap();
    let id: UserId = me.text("/id").unwrap().parse().unwrap();
    let pem = std::fs::read_to_string(key_file(service.folder.path())).unwrap();
    let keys = SigningKeys::from_pem(&pem, None).unwrap();
    let stranger = SigningKeys::from_pem(&SigningKeys::generate_pem().unwrap(), None).unwrap();
    let good = claims(&service, id);
    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        keys.sign(&claims).unwrap()
    };
    let jwk = keys.jwks().keys[0].clone();
    let kid = jwk.common.key_id.clone();
    let header = |algorithm, typ: &str| {
        let mut header = Header::new(algorithm);
        header.typ = Some(typ.to_owned());
        header.kid.clone_from(&kid);
        header
    };
    let none = json!({"alg": "none", "typ": TOKEN_TYPE, "kid": kid}).to_string();
    let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&good).unwrap());
    let public = serde_json::to_vec(&jwk).unwrap();
    let secret = EncodingKey::from_secret(&public);
    let confused = encode(&header(Algorithm::HS256, TOKEN_TYPE), &good, &secret).unwrap();
    let key = EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
    let other_type = encode(&header(Algorithm::EdDSA, "JWT"), &good, &key).unwrap();
    let now = service.now().unix_seconds();
    for (what, token, code) in [
        (
            "no algorithm",
            format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(none)),
            "token_invalid",
        ),
        ("HS256 with the public key", confused, "token_invalid"),
        ("another typ", other_type, "token_invalid"),
        (
            "another key",
            stranger.sign(&good).unwrap(),
            "token_invalid",
        ),
        (
            "another audience",
            with(&|claims| claims.aud = "bank".to_owned()),
            "token_invalid",
        ),
        (
            "another issuer",
            with(&|claims| claims.iss = "evil".to_owned()),
            "token_invalid",
        ),
        (
            "an old one",
            with(&|claims| claims.exp = now),
            "token_expired",
        ),
        (
            "an unknown account",
            with(&|claims| claims.sub = UserId::at(service.now())),
            "token_invalid",
        ),
        ("no token at all", "x".to_owned(), "token_invalid"),
    ] {
        let forger = service.anonymous.with_token(&token);
        let reply = forger.get("/api/v1/me").await.unwrap();
        assert_eq!(problem(&reply), just(401, code), "{what}");
        let body = json!({"name": "Eve"});
        let request = forger.request(Method::PATCH, "/api/v1/me").json(&body);
        assert_eq!(problem(&send(request).await.unwrap()).0, 401, "{what}");
    }
    // The same claims with the right key and type are accepted, so it is those that were missed above.
    let genuine = service.anonymous.with_token(&with(&|_| ()));
    genuine
        .get("/api/v1/me")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    service.stop().await;
}

#[tokio::test]
async fn headers_that_decide_come_once() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let get = |client: &Client| client.request(Method::GET, "/api/v1/me");
    for request in [
        get(&ada).header("authorization", "Bearer x"),
        get(&ada)
            .header("if-match", "\"1\"")
            .header("if-match", "\"2\""),
        ada.request(Method::POST, "/api/v1/me/addresses")
            .header("idempotency-key", "a")
            .header("idempotency-key", "b"),
        ada.request(Method::PATCH, "/api/v1/me")
            .header("content-type", "application/json")
            .header("content-type", "text/plain")
            .body("{}"),
    ] {
        let reply = send(request).await.unwrap();
        assert_eq!(problem(&reply), just(400, "duplicate_header"));
    }
    service.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_by_its_kind() {
    let service = start().await;
    for path in ["register", "login", "refresh", "logout"] {
        let post = async |content_type: &str, body: String| {
            let request = service
                .anonymous
                .request(Method::POST, &format!("/api/v1/auth/{path}"))
                .header("content-type", content_type)
                .body(body);
            problem(&send(request).await.unwrap())
        };
        let json = "application/json";
        let malformed = post(json, "{".to_owned()).await;
        assert_eq!(malformed, just(400, "malformed_json"));
        let form = post("application/x-www-form-urlencoded", "a=b".to_owned()).await;
        assert_eq!(form, just(415, "unsupported_media_type"));
        let huge = post(json, " ".repeat(2 * 1024 * 1024)).await;
        assert_eq!(huge, just(413, "payload_too_large"));
        assert_eq!(post(json, "[]".to_owned()).await.0, 422);
        let doubled = r#"{"email": "a@b.example", "email": "c@d.example"}"#.to_owned();
        assert_eq!(post(json, doubled).await.0, 422);
    }
    service.stop().await;
}

#[tokio::test]
async fn a_refused_body_does_not_repeat_the_password() {
    let service = start().await;
    let body = json!({"email": "ada@example.com", "password": [PASSWORD], "name": "Ada"});
    let reply = service.anonymous.post("/api/v1/auth/register", &body).await;
    let reply = reply.unwrap();
    assert_eq!(reply.status, 422);
    assert!(!reply.body.to_string().contains(PASSWORD), "{}", reply.body);
    service.stop().await;
}

#[tokio::test]
async fn a_malformed_id_names_nothing() {
    let service = start().await;
    let admin = service.admin().await;
    for path in [
        "/api/v1/me/addresses/1",
        "/api/v1/me/addresses/usr_019abcde0000700080000000000000ff",
        "/api/v1/admin/users/me",
        "/api/v1/admin/users/usr_019ABCDE0000700080000000000000FF",
        "/api/v1/auth/sessions",
    ] {
        let reply = admin.get(path).await.unwrap();
        let status = if path.ends_with("sessions") { 200 } else { 404 };
        assert_eq!(reply.status, status, "{path}");
    }
    service.stop().await;
}
