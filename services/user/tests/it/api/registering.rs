//! Registering.

use serde_json::{Value, json};
use testkit::client::{PASSWORD, Reply};

use crate::service::{fields, problem, start};

/// What a client can tell one reply from another by.
fn visible(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    let mut body = reply.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
    }
    (reply.status.as_u16(), headers, body)
}

#[tokio::test]
async fn whoever_registers_can_sign_in_at_once() {
    let service = start().await;
    let reply = service.register("Ada@Example.com ", PASSWORD).await;
    let reply = reply.expect(201).unwrap();
    assert_eq!(reply.body, json!({"status": "accepted"}));
    let ada = service.anonymous.log_in("ada@example.COM", PASSWORD).await;
    let me = ada.unwrap().get("/api/v1/me").await.unwrap();
    let me = me.expect(200).unwrap().body;
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(me["name"], "Ada");
    assert_eq!(me["roles"], json!(["customer"]));
    service.stop().await;
}

#[tokio::test]
async fn a_known_address_gets_the_same_answer_and_keeps_its_password() {
    let service = start().await;
    let new = service.register("ada@example.com", PASSWORD).await;
    let known = service
        .register("ADA@example.com", "quite another pass phrase")
        .await;
    assert_eq!(visible(&new), visible(&known));
    let other = service
        .log_in("ada@example.com", "quite another pass phrase")
        .await;
    assert_eq!(problem(&other).0, 401);
    service.tokens("ada@example.com", PASSWORD).await;
    service.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_get_the_same_answer() {
    let service = start().await;
    service.customer("ada").await;
    let wrong = service.log_in("ada@example.com", "not the password").await;
    for (email, password) in [
        ("bob@example.com", "not the password"),
        ("bob@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("ada@example.com", ""),
        ("ada@example.com", &"a".repeat(500_000)),
    ] {
        let reply = service.log_in(email, password).await;
        assert_eq!(visible(&wrong), visible(&reply), "{email}");
    }
    assert_eq!(problem(&wrong).1, "invalid_credentials");
    assert!(wrong.header("www-authenticate").is_some());
    service.stop().await;
}

#[tokio::test]
async fn of_many_who_register_one_address_at_once_one_gets_it() {
    let service = start().await;
    let passwords: Vec<String> = (0..8).map(|n| format!("pass phrase number {n}")).collect();
    let registrations = passwords
        .iter()
        .map(|password| service.register("ada@example.com", password));
    for reply in futures_util::future::join_all(registrations).await {
        assert_eq!(reply.status, 201);
    }
    let mut works = 0;
    for password in &passwords {
        let reply = service.log_in("ada@example.com", password).await;
        works += i32::from(reply.status == 200);
    }
    assert_eq!(works, 1);
    let accounts: i64 = service
        .database()
        .query_row(
            "SELECT count(*) FROM account WHERE email = 'ada@example.com'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(accounts, 1);
    service.stop().await;
}

#[tokio::test]
async fn what_is_not_good_enough_is_refused_by_its_name() {
    let service = start().await;
    let register = async |change: &dyn Fn(&mut Value)| {
        let mut body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"});
        change(&mut body);
        let reply = service.anonymous.post("/api/v1/auth/register", &body).await;
        problem(&reply.unwrap())
    };
    let weak = fields(422, "weak_password", &["/password"]);
    for password in [
        "",
        "short",
        "password123",
        "ada@example.com",
        &"x".repeat(129),
    ] {
        let refused = register(&|body| body["password"] = json!(password)).await;
        assert_eq!(refused, weak, "{password}");
    }
    let no_address = fields(422, "invalid_email", &["/email"]);
    for email in [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a b@example.com",
        "ada@exa mple.com",
    ] {
        let refused = register(&|body| body["email"] = json!(email)).await;
        assert_eq!(refused, no_address, "{email}");
    }
    let invalid = |pointer| fields(422, "invalid_request", &[pointer]);
    for name in [
        json!(""),
        json!(" "),
        json!("a\nb"),
        json!("x".repeat(101)),
        json!(7),
    ] {
        let refused = register(&|body| body["name"] = name.clone()).await;
        assert_eq!(refused, invalid("/name"), "{name}");
    }
    let admin = register(&|body| body["roles"] = json!(["admin"])).await;
    assert_eq!(admin, invalid("/roles"));
    let number = register(&|body| body["password"] = json!(12_345_678)).await;
    assert_eq!(number, invalid("/password"));
    let nobody = register(&|body| *body = json!({})).await;
    assert_eq!(nobody.0, 422);
    service.stop().await;
}
