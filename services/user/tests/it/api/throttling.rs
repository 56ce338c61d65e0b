//! Too many tries, and too many at once.

use testkit::client::{PASSWORD, Reply, send};

use crate::service::{allowance, just, problem, start_with};

/// What a 429 says of its limit.
fn limit(reply: &Reply) -> (Option<&str>, Option<&str>, Option<&str>) {
    assert_eq!(problem(reply), just(429, "too_many_requests"));
    (
        reply.header("ratelimit"),
        reply.header("ratelimit-policy"),
        reply.header("retry-after"),
    )
}

#[tokio::test]
async fn tries_with_one_address_are_limited_the_same_with_and_without_an_account() {
    let service = start_with(|settings| {
        settings.throttle.by_email_and_address = allowance(3);
    })
    .await;
    // Registering is one of ada's three tries; bob makes another one.
    service.register("ada@example.com", PASSWORD).await;
    service.log_in("bob@example.com", "not the password").await;
    for email in ["ada@example.com", "bob@example.com"] {
        for _ in 0..2 {
            let reply = service.log_in(email, "not the password").await;
            assert_eq!(reply.status, 401, "{email}");
        }
        for _ in 0..2 {
            let refused = service.log_in(email, PASSWORD).await;
            let said = (
                Some("\"by_email_and_address\";r=0;t=20"),
                Some("\"by_email_and_address\";q=3;w=60"),
                Some("20"),
            );
            assert_eq!(limit(&refused), said, "{email}");
        }
        let register = service.register(email, PASSWORD).await;
        assert_eq!(register.status, 429);
    }
    service.clock.advance(std::time::Duration::from_secs(20));
    service.tokens("ada@example.com", PASSWORD).await;
    service.stop().await;
}

#[tokio::test]
async fn tries_from_one_address_are_limited_whoever_they_are_for() {
    let service = start_with(|settings| {
        settings.throttle.by_address = allowance(5);
        settings.http.trusted_hops = 1;
    })
    .await;
    let try_from = async |address: &str, email: &str| {
        let body = serde_json::json!({"email": email, "password": PASSWORD});
        let request = service
            .anonymous
            .request(reqwest::Method::POST, "/api/v1/auth/login")
            .header("x-forwarded-for", format!("203.0.113.9, {address}"))
            .json(&body);
        send(request).await.unwrap()
    };
    for n in 0..5 {
        let reply = try_from("192.0.2.7", &format!("{n}@example.com")).await;
        assert_eq!(reply.status, 401);
    }
    let refused = try_from("192.0.2.7", "another@example.com").await;
    let said = (
        Some("\"by_address\";r=0;t=12"),
        Some("\"by_address\";q=5;w=60"),
        Some("12"),
    );
    assert_eq!(limit(&refused), said);
    let elsewhere = try_from("192.0.2.8", "another@example.com").await;
    assert_eq!(elsewhere.status, 401);
    service.stop().await;
}

#[tokio::test]
async fn strangers_from_everywhere_are_limited_by_the_account_they_guess() {
    let service = start_with(|settings| {
        settings.throttle.by_email = allowance(4);
        settings.throttle.by_email_and_address = allowance(2);
        settings.http.trusted_hops = 1;
    })
    .await;
    let mut answers = Vec::new();
    for n in 1..=3 {
        for _ in 0..2 {
            let body =
                serde_json::json!({"email": "ada@example.com", "password": "a guess of mine"});
            let request = service
                .anonymous
                .request(reqwest::Method::POST, "/api/v1/auth/login")
                .header("x-forwarded-for", format!("192.0.2.{n}"))
                .json(&body);
            answers.push(send(request).await.unwrap().status.as_u16());
        }
    }
    assert_eq!(answers, [401, 401, 401, 401, 429, 429]);
    service.stop().await;
}

#[tokio::test]
async fn when_too_many_passwords_wait_the_rest_is_asked_to_come_back() {
    let service = start_with(|settings| {
        settings.passwords.concurrency = std::num::NonZeroUsize::MIN;
        settings.passwords.queue = 1;
        settings.passwords.iterations = 30;
    })
    .await;
    let emails: Vec<String> = (0..8).map(|n| format!("{n}@example.com")).collect();
    let tries = emails.iter().map(|email| service.register(email, PASSWORD));
    let mut accepted = 0;
    for reply in futures_util::future::join_all(tries).await {
        if reply.status == 201 {
            accepted += 1;
        } else {
            assert_eq!(problem(&reply), just(503, "busy"));
            assert_eq!(reply.header("retry-after"), Some("2"));
        }
    }
    assert!((1..8).contains(&accepted), "{accepted} were accepted");
    // Who is refused leaves nothing behind, and afterwards there is room.
    let accounts: i64 = service
        .database()
        .query_row("SELECT count(*) FROM account", [], |row| row.get(0))
        .unwrap();
    assert_eq!(accounts, accepted + 1);
    assert_eq!(
        service.register("late@example.com", PASSWORD).await.status,
        201
    );
    service.stop().await;
}

#[tokio::test]
async fn whoever_has_no_account_waits_for_a_hash_like_everybody_else() {
    let service = start_with(|settings| {
        settings.passwords.concurrency = std::num::NonZeroUsize::MIN;
        settings.passwords.queue = 0;
        settings.passwords.iterations = 30;
    })
    .await;
    let emails: Vec<String> = (0..8).map(|n| format!("{n}@example.com")).collect();
    let tries = emails.iter().map(|email| service.log_in(email, PASSWORD));
    let replies = futures_util::future::join_all(tries).await;
    let problems: Vec<_> = replies.iter().map(problem).collect();
    for expected in [just(401, "invalid_credentials"), just(503, "busy")] {
        assert!(problems.contains(&expected), "{problems:?}");
    }
    service.stop().await;
}
