//! Refresh tokens over HTTP: rotation, the lost reply (row E1 of the fault matrix), theft.

use std::collections::HashSet;

use serde_json::json;
use testkit::client::PASSWORD;

use crate::service::{ADMIN, fields, just, problem, send_if_match, start, tokens};

#[tokio::test]
async fn a_refresh_token_works_once_and_its_successor_carries_on() {
    let service = start().await;
    let (_, mut refresh) = service.tokens(ADMIN, PASSWORD).await;
    for _ in 0..3 {
        let reply = service.refresh(&refresh).await.expect(200).unwrap();
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        let (access, next) = tokens(&reply);
        let client = service.anonymous.with_token(&access);
        client.get("/api/v1/me").await.unwrap().expect(200).unwrap();
        assert_ne!(next, refresh);
        refresh = next;
    }
    service.stop().await;
}

#[tokio::test]
async fn after_a_lost_reply_the_old_token_works_once_more_and_theft_ends_the_session() {
    let service = start().await;
    let (_, first) = service.tokens(ADMIN, PASSWORD).await;
    service.refresh(&first).await.expect(200).unwrap();
    let (_, second) = tokens(&service.refresh(&first).await.expect(200).unwrap());
    let (_, third) = tokens(&service.refresh(&second).await.expect(200).unwrap());
    let stolen = service.refresh(&first).await;
    assert_eq!(problem(&stolen), just(401, "token_reused"));
    assert!(stolen.header("www-authenticate").is_some());
    let owner = service.refresh(&third).await;
    assert_eq!(problem(&owner), just(401, "token_reused"));
    // Another session of the same account is not touched.
    let (_, other) = service.tokens(ADMIN, PASSWORD).await;
    service.refresh(&other).await.expect(200).unwrap();
    service.stop().await;
}

#[tokio::test]
async fn of_many_uses_of_one_token_at_once_all_get_the_same_successor() {
    let service = start().await;
    let (_, token) = service.tokens(ADMIN, PASSWORD).await;
    let uses = (0..8).map(|_| service.refresh(&token));
    let replies = futures_util::future::join_all(uses).await;
    let successors: HashSet<String> = replies
        .into_iter()
        .map(|reply| tokens(&reply.expect(200).unwrap()).1)
        .collect();
    assert_eq!(successors.len(), 1, "tabs of one browser carry on together");
    let next = successors.into_iter().next().unwrap();
    service.refresh(&next).await.expect(200).unwrap();
    let reused = service.refresh(&token).await;
    assert_eq!(problem(&reused), just(401, "token_reused"));
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let service = start().await;
    let (access, _) = service.tokens(ADMIN, PASSWORD).await;
    for token in ["", "x", access.as_str(), &"a".repeat(100_000)] {
        let refused = service.refresh(token).await;
        assert_eq!(problem(&refused), just(401, "token_invalid"));
    }
    let odd = json!({"refresh_token": "x", "scope": "admin"});
    let odd = service.anonymous.post("/api/v1/auth/refresh", &odd).await;
    let refusal = fields(422, "invalid_request", &["/scope"]);
    assert_eq!(problem(&odd.unwrap()), refusal);
    service.stop().await;
}

#[tokio::test]
async fn a_change_of_roles_takes_effect_with_the_next_token() {
    let service = start().await;
    let ada = service.customer("ada").await;
    let (_, refresh) = service.tokens("ada@example.com", PASSWORD).await;
    let me = ada.get("/api/v1/me").await.unwrap();
    let path = format!("/api/v1/admin/users/{}", me.text("/id").unwrap());
    let roles = json!({"roles": ["admin"]});
    let put = reqwest::Method::PUT;
    let admin = service.admin().await;
    let changed = send_if_match(&admin, put, &format!("{path}/roles"), Some("\"1\""), &roles).await;
    assert_eq!(changed.status, 200);
    assert_eq!(ada.get(&path).await.unwrap().status, 403);
    let (access, _) = tokens(&service.refresh(&refresh).await.expect(200).unwrap());
    let promoted = service.anonymous.with_token(&access);
    assert_eq!(promoted.get(&path).await.unwrap().status, 200);
    service.stop().await;
}
