//! `/me`.

use contracts::events::user::{UserProfileUpdated, UserRegistered};
use contracts::{Payload, Role, UserId, topology};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::client::send;

use crate::service::{ADMIN, fields, just, problem, send_if_match, start};

#[tokio::test]
async fn an_account_is_shown_whole_and_not_sent_again_unchanged() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let me = ada.get("/api/v1/me").await.unwrap().expect(200).unwrap();
    let at = "2026-11-23T20:06:13.000Z";
    let expected = json!({
        "id": me.text("/id").unwrap(), "email": "ada@example.com", "name": "Test Customer",
        "email_verified": false, "roles": ["customer"], "created_at": at, "updated_at": at,
    });
    assert_eq!(me.body, expected);
    let request = ada.request(Method::GET, "/api/v1/me");
    let tag = me.header("etag").unwrap();
    let again = send(request.header("if-none-match", tag)).await.unwrap();
    assert_eq!((again.status.as_u16(), again.body), (304, Value::Null));
    service.stop().await;
}

#[tokio::test]
async fn a_name_is_changed_and_an_old_tag_refused() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let patch = async |tag: Option<&str>, body: Value| {
        send_if_match(&ada, Method::PATCH, "/api/v1/me", tag, &body).await
    };
    let changed = patch(Some("\"1\""), json!({"name": " Ada "})).await;
    let changed = changed.expect(200).unwrap();
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(changed.body["name"], "Ada");
    let stale = patch(Some("\"1\""), json!({"name": "Eve"})).await;
    assert_eq!(problem(&stale), just(412, "precondition_failed"));
    let without = patch(None, json!({"name": "Ada L."})).await;
    assert_eq!(without.header("etag"), Some("\"3\""));
    let nothing = patch(None, json!({})).await;
    assert_eq!(nothing.header("etag"), Some("\"3\""));
    for (body, pointer) in [
        (json!({"name": null}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"email": "eve@example.com"}), "/email"),
        (json!({"roles": ["admin"]}), "/roles"),
        (json!({"id": "usr_1"}), "/id"),
    ] {
        let refused = patch(None, body).await;
        assert_eq!(
            problem(&refused),
            fields(422, "invalid_request", &[pointer])
        );
    }
    let me = ada.get("/api/v1/me").await.unwrap();
    assert_eq!(me.body, nothing.body);
    service.stop().await;
}

#[tokio::test]
async fn accounts_and_their_changes_are_told_to_the_others() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let body = json!({"name": "Ada"});
    send_if_match(&ada, Method::PATCH, "/api/v1/me", None, &body).await;
    let me = ada.get("/api/v1/me").await.unwrap();
    let id: UserId = me.text("/id").unwrap().parse().unwrap();

    let queue = topology::NOTIFICATION_INTAKE;
    let mut heard = service.broker.subscribe(queue, 10).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 3 {
        let delivery = heard.next().await.unwrap();
        let event = delivery.message.decode().unwrap();
        delivery.ack().await.unwrap();
        told.push((event.aggregate_version, event.payload));
    }
    let registered = |email: &str, name: &str, user_id, roles| -> Payload {
        UserRegistered {
            user_id,
            email: email.to_owned(),
            name: name.to_owned(),
            roles,
        }
        .into()
    };
    let Payload::UserRegistered(admin) = told[0].1.clone() else {
        panic!("{told:?}");
    };
    let both = vec![Role::Customer, Role::Admin];
    let expected = [
        (1, registered(ADMIN, "Administrator", admin.user_id, both)),
        (
            1,
            registered("ada@example.com", "Test Customer", id, vec![Role::Customer]),
        ),
        (
            2,
            UserProfileUpdated {
                user_id: id,
                email: "ada@example.com".to_owned(),
                name: "Ada".to_owned(),
            }
            .into(),
        ),
    ];
    assert_eq!(told, expected);
    service.stop().await;
}
