//! Sessions, keys and passwords.

use std::time::Duration;

use access_token::{Verifier, VerifierSettings};
use contracts::Role;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::{PASSWORD, send};

use crate::service::{ADMIN, fields, just, problem, start, start_in, start_with};

#[tokio::test]
async fn tokens_are_what_the_key_set_verifies() {
    let service = start().await;
    let reply = service.log_in(ADMIN, PASSWORD).await.expect(200).unwrap();
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.body["token_type"], "Bearer");
    assert_eq!(reply.body["expires_in"], 600);
    assert_eq!(reply.text("/refresh_token").unwrap().len(), 43);

    let keys = service.anonymous.get("/.well-known/jwks.json").await;
    let keys = keys.unwrap().expect(200).unwrap();
    let file = service.folder.path().join("jwks.json");
    std::fs::write(&file, keys.body.to_string()).unwrap();
    let settings = VerifierSettings {
        jwks: file.display().to_string(),
        ..VerifierSettings::default()
    };
    let verifier = Verifier::from_settings(&settings, service.clock.clone()).unwrap();
    let token = reply.text("/access_token").unwrap();
    let caller = verifier.verify(token).await.unwrap();
    assert_eq!(caller.roles.as_slice(), [Role::Customer, Role::Admin]);
    let ends_at = service.now().plus(Duration::from_mins(10)).unix_seconds();
    assert_eq!(caller.expires_at.unix_seconds(), ends_at);
    service.stop().await;
}

#[tokio::test]
async fn the_key_set_is_public_cacheable_and_shows_no_private_key() {
    let service = start().await;
    let path = "/.well-known/jwks.json";
    let keys = service.anonymous.get(path).await.unwrap();
    let keys = keys.expect(200).unwrap();
    assert_eq!(keys.header("content-type"), Some("application/json"));
    assert_eq!(keys.header("cache-control"), Some("public, max-age=60"));
    let key = keys.body["keys"][0].as_object().unwrap();
    assert_eq!(keys.body["keys"].as_array().unwrap().len(), 1);
    assert!(!key.contains_key("d"));
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&json!("OKP"), &json!("Ed25519"))
    );
    let tag = keys.header("etag").unwrap();
    let request = service.anonymous.request(Method::GET, path);
    let again = send(request.header("if-none-match", tag)).await.unwrap();
    assert_eq!((again.status.as_u16(), again.body), (304, Value::Null));
    service.stop().await;
}

#[tokio::test]
async fn the_previous_key_is_shown_and_its_tokens_are_honoured() {
    let service = start().await;
    let old = service.customer("ada").await;
    let folder = service.folder.clone();
    service.stop().await;
    let service = start_in(folder.clone(), |settings| {
        settings.keys.previous_signing_key = Some(settings.keys.signing_key.clone());
        let next = folder.path().join("next.pem");
        std::fs::write(&next, access_token::SigningKeys::generate_pem().unwrap()).unwrap();
        settings.keys.signing_key = next;
    })
    .await
    .unwrap();
    let address = service.anonymous.get("/.well-known/jwks.json").await;
    assert_eq!(address.unwrap().body["keys"].as_array().unwrap().len(), 2);
    let path = "/api/v1/me";
    let with_old = service.anonymous.with_token(old.token().unwrap());
    for client in [with_old, service.admin().await] {
        client.get(path).await.unwrap().expect(200).unwrap();
    }
    service.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let service = start().await;
    let here = service.customer("ada").await;
    service.clock.advance(Duration::from_secs(1));
    let request = service
        .anonymous
        .request(Method::POST, "/api/v1/auth/login")
        .header("user-agent", "a phone")
        .json(&json!({"email": "ada@example.com", "password": PASSWORD}));
    let there = send(request).await.unwrap().expect(200).unwrap();
    let path = "/api/v1/auth/sessions";
    let sessions = here.get(path).await.unwrap().expect(200).unwrap().body;
    let data = sessions["data"].as_array().unwrap();
    assert_eq!(sessions["next_cursor"], Value::Null);
    let shown: Vec<_> = data
        .iter()
        .map(|one| {
            (
                &one["client"],
                &one["current"],
                &one["created_at"],
                &one["ends_at"],
            )
        })
        .collect();
    let (now, then) = ("2026-11-23T20:06:14.000Z", "2026-11-23T20:06:13.000Z");
    let (end_now, end_then) = ("2027-02-21T20:06:14.000Z", "2027-02-21T20:06:13.000Z");
    assert_eq!(
        shown,
        [
            (
                &json!("a phone"),
                &json!(false),
                &json!(now),
                &json!(end_now)
            ),
            (&Value::Null, &json!(true), &json!(then), &json!(end_then)),
        ]
    );
    let phone = format!("{path}/{}", data[0]["id"].as_str().unwrap());
    let bob = service.customer("bob").await;
    let end = async |client: &testkit::client::Client| {
        send(client.request(Method::DELETE, &phone)).await.unwrap()
    };
    assert_eq!(problem(&end(&bob).await), just(404, "not_found"));
    assert_eq!(end(&here).await.status, 204);
    assert_eq!(problem(&end(&here).await), just(404, "not_found"));
    let refused = service.refresh(there.text("/refresh_token").unwrap()).await;
    assert_eq!(problem(&refused), just(401, "token_invalid"));
    let left = here.get(path).await.unwrap().body;
    assert_eq!(left["data"].as_array().unwrap().len(), 1);
    service.stop().await;
}

#[tokio::test]
async fn signing_out_ends_the_session_by_either_token() {
    let service = start().await;
    service.customer("ada").await;
    let path = "/api/v1/auth/logout";
    let (access, refresh) = service.tokens("ada@example.com", PASSWORD).await;
    let body = json!({"refresh_token": refresh});
    for _ in 0..2 {
        let out = service.anonymous.post(path, &body).await.unwrap();
        assert_eq!(out.status, 204);
    }
    let refused = service.refresh(&refresh).await;
    assert_eq!(problem(&refused), just(401, "token_invalid"));
    // What was given out before lives to its end, as the documentation says.
    let before = service.anonymous.with_token(&access);
    before.get("/api/v1/me").await.unwrap().expect(200).unwrap();

    let (access, refresh) = service.tokens("ada@example.com", PASSWORD).await;
    let client = service.anonymous.with_token(&access);
    let out = send(client.request(Method::POST, path)).await.unwrap();
    assert_eq!(out.status, 204);
    let refused = service.refresh(&refresh).await;
    assert_eq!(problem(&refused), just(401, "token_invalid"));
    let nobody = send(service.anonymous.request(Method::POST, path)).await;
    assert_eq!(problem(&nobody.unwrap()), just(401, "token_missing"));
    let odd = json!({"refresh_token": "x", "everywhere": true});
    let odd = service.anonymous.post(path, &odd).await.unwrap();
    assert_eq!(
        problem(&odd),
        fields(422, "invalid_request", &["/everywhere"])
    );
    service.stop().await;
}

#[tokio::test]
async fn a_new_password_needs_the_current_one_and_ends_other_sessions() {
    let service = start().await;
    service.customer("ada").await;
    let (access, here) = service.tokens("ada@example.com", PASSWORD).await;
    let (_, elsewhere) = service.tokens("ada@example.com", PASSWORD).await;
    let client = service.anonymous.with_token(&access);
    let change = async |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        client.post("/api/v1/me/password", &body).await.unwrap()
    };
    let new = "quite another pass phrase";
    let wrong = fields(422, "wrong_password", &["/current_password"]);
    assert_eq!(problem(&change("not the password", new).await), wrong);
    let weak = fields(422, "weak_password", &["/new_password"]);
    assert_eq!(problem(&change(PASSWORD, "password").await), weak);
    assert_eq!(change(PASSWORD, new).await.status, 204);
    assert_eq!(problem(&service.refresh(&elsewhere).await).0, 401);
    assert_eq!(service.refresh(&here).await.status, 200);
    assert_eq!(
        service.log_in("ada@example.com", PASSWORD).await.status,
        401
    );
    assert_eq!(service.log_in("ada@example.com", new).await.status, 200);
    service.stop().await;
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_hashes_have_become_dearer() {
    let service = start().await;
    let hash = |service: &crate::service::Service| {
        let sql = "SELECT password_hash FROM account WHERE email = 'ada@example.com'";
        let hash: String = service
            .database()
            .query_row(sql, [], |row| row.get(0))
            .unwrap();
        hash
    };
    service.customer("ada").await;
    assert!(hash(&service).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let folder = service.folder.clone();
    service.stop().await;
    let dearer = |settings: &mut user::Settings| settings.passwords.iterations = 3;
    let service = start_in(folder, dearer).await.unwrap();
    // Of several who sign in at once, one renews the hash, and nobody is sent away for it.
    let at_once = (0..4).map(|_| service.tokens("ada@example.com", PASSWORD));
    futures_util::future::join_all(at_once).await;
    let renewed = hash(&service);
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=3,p=1$"));
    service.tokens("ada@example.com", PASSWORD).await;
    assert_eq!(hash(&service), renewed);
    service.stop().await;
}

#[tokio::test]
async fn an_access_token_does_not_outlive_its_session() {
    let number = |seconds| std::num::NonZeroU32::new(seconds).unwrap();
    let service = start_with(|settings| {
        settings.tokens.access_s = number(100);
        settings.tokens.refresh_s = number(150);
        settings.tokens.refresh_absolute_s = number(150);
    })
    .await;
    let (access, refresh) = service.tokens(ADMIN, PASSWORD).await;
    service.clock.advance(Duration::from_secs(99));
    let client = service.anonymous.with_token(&access);
    client.get("/api/v1/me").await.unwrap().expect(200).unwrap();
    let refreshed = service.refresh(&refresh).await.expect(200).unwrap();
    assert_eq!(refreshed.body["expires_in"], 51);
    service.clock.advance(Duration::from_secs(1));
    let expired = client.get("/api/v1/me").await.unwrap();
    assert_eq!(problem(&expired), just(401, "token_expired"));
    service.clock.advance(Duration::from_secs(50));
    let last = refreshed.text("/refresh_token").unwrap();
    let ended = service.refresh(last).await;
    assert_eq!(problem(&ended), just(401, "token_expired"));
    service.stop().await;
}
