//! Starting: the first administrator, keys and settings.

use std::num::NonZeroU32;
use std::sync::Arc;

use service_kit::error_chain;
use service_kit::settings::Secret;
use testkit::client::PASSWORD;
use user::Settings;

use crate::service::{ADMIN, start, start_in};

async fn refusal(change: impl FnOnce(&mut Settings)) -> String {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    match start_in(folder, change).await {
        Ok(_) => panic!("it started"),
        Err(error) => error_chain(&error),
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once_and_keeps_their_password() {
    let service = start().await;
    service.tokens(ADMIN, PASSWORD).await;
    let folder = service.folder.clone();
    service.stop().await;
    for password in ["quite another pass phrase", ""] {
        let other = |settings: &mut Settings| {
            settings.bootstrap_admin.password = Secret::from(password);
        };
        let service = start_in(folder.clone(), other).await.unwrap();
        service.tokens(ADMIN, PASSWORD).await;
        let accounts: i64 = service
            .database()
            .query_row("SELECT count(*) FROM account", [], |row| row.get(0))
            .unwrap();
        assert_eq!(accounts, 1);
        service.stop().await;
    }
}

#[tokio::test]
async fn without_an_address_there_is_no_administrator() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let nobody = |settings: &mut Settings| settings.bootstrap_admin.email = String::new();
    let service = start_in(folder, nobody).await.unwrap();
    assert_eq!(service.log_in(ADMIN, PASSWORD).await.status, 401);
    service.stop().await;
}

#[tokio::test]
async fn an_administrator_who_cannot_be_made_is_explained() {
    let email = refusal(|settings| settings.bootstrap_admin.email = "root".to_owned()).await;
    assert!(email.contains("SHOP__BOOTSTRAP_ADMIN__EMAIL"), "{email}");
    let none = refusal(|settings| settings.bootstrap_admin.password = Secret::default()).await;
    assert!(
        none.contains("SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE"),
        "{none}"
    );
    let weak =
        refusal(|settings| settings.bootstrap_admin.password = Secret::from("password")).await;
    assert!(weak.contains("bootstrap_admin.password"), "{weak}");
    assert!(weak.contains("tried first"), "{weak}");
}

#[tokio::test]
async fn a_missing_or_broken_key_is_explained() {
    let none = refusal(|settings| settings.keys.signing_key = "".into()).await;
    let missing = refusal(|settings| settings.keys.signing_key = "/no/such/key.pem".into()).await;
    let broken = refusal(|settings| {
        std::fs::write(&settings.keys.signing_key, "not a key").unwrap();
    })
    .await;
    for sentence in [&none, &missing, &broken] {
        assert!(sentence.contains("SHOP__KEYS__SIGNING_KEY"), "{sentence}");
        assert!(sentence.contains("openssl genpkey"), "{sentence}");
    }
    assert!(missing.contains("/no/such/key.pem"), "{missing}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_before_anything_is_opened() {
    let store = refusal(|settings| settings.store.url = "postgres://host/db".to_owned()).await;
    assert!(store.contains("postgres"), "{store}");
    let tokens = refusal(|settings| settings.tokens.refresh_s = NonZeroU32::MIN).await;
    assert!(tokens.contains("tokens.refresh_s"), "{tokens}");
    let throttle = refusal(|settings| {
        settings.throttle.by_address.burst = NonZeroU32::MAX;
        settings.throttle.by_address.per_s = NonZeroU32::MIN;
    })
    .await;
    assert!(throttle.contains("throttle"), "{throttle}");
}

#[tokio::test]
async fn the_description_of_the_api_is_served_and_printed_alike() {
    let service = start().await;
    let served = service.anonymous.get("/openapi.json").await.unwrap();
    let printed = serde_json::to_value(user::openapi()).unwrap();
    assert_eq!(served.expect(200).unwrap().body, printed);
    let paths: Vec<&String> = printed["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/.well-known/jwks.json",
            "/api/v1/admin/users",
            "/api/v1/admin/users/{id}",
            "/api/v1/admin/users/{id}/roles",
            "/api/v1/auth/login",
            "/api/v1/auth/logout",
            "/api/v1/auth/refresh",
            "/api/v1/auth/register",
            "/api/v1/auth/sessions",
            "/api/v1/auth/sessions/{id}",
            "/api/v1/me",
            "/api/v1/me/addresses",
            "/api/v1/me/addresses/{id}",
            "/api/v1/me/password",
        ]
    );
    service.stop().await;
}
