//! Refresh tokens: rotation, the lost reply (row E1 of the fault matrix), and theft.

use std::time::Duration;

use contracts::Role;
use service_kit::http::etag::IfMatch;
use user::store::{Identity, Refreshed};

use crate::contract::{ABSOLUTE, Fixture, IDLE};

async fn signed_in(fixture: &Fixture) -> Identity {
    let ada = fixture.account("ada", &[]).await;
    fixture.signed_in(&ada, "1").await
}

pub async fn tokens_rotate_and_roles_are_read_anew(fixture: Fixture) {
    let identity = signed_in(&fixture).await;
    fixture.clock.advance(Duration::from_mins(1));
    let refreshed = fixture.refresh("1", "2").await;
    assert_eq!(refreshed, Refreshed::Rotated(identity.clone()));
    let sessions = fixture
        .store
        .sessions(identity.user_id, fixture.context().now);
    let last_used_at = sessions.await.unwrap()[0].last_used_at;
    assert_eq!(last_used_at, fixture.context().now);
    let roles = fixture.store.set_roles(
        identity.user_id,
        IfMatch::Any,
        vec![Role::Catalog],
        fixture.context(),
    );
    roles.await.unwrap();
    let promoted = Identity {
        roles: vec![Role::Customer, Role::Catalog],
        ..identity
    };
    let refreshed = fixture.refresh("2", "3").await;
    assert_eq!(refreshed, Refreshed::Rotated(promoted));
}

pub async fn after_a_lost_reply_the_old_token_works_once_more(fixture: Fixture) {
    let identity = signed_in(&fixture).await;
    fixture.refresh("1", "lost").await;
    let repeated = fixture.refresh("1", "2").await;
    assert_eq!(repeated, Refreshed::Repeated(identity.clone()));
    // Whoever has the successor carries on as if nothing had happened.
    let rotated = fixture.refresh("2", "3").await;
    assert_eq!(rotated, Refreshed::Rotated(identity.clone()));
    let lost_again = fixture.refresh("2", "4").await;
    assert_eq!(lost_again, Refreshed::Repeated(identity.clone()));
    assert_eq!(
        fixture.refresh("4", "5").await,
        Refreshed::Rotated(identity)
    );
}

pub async fn for_a_moment_a_used_token_gives_the_same_successor_again(fixture: Fixture) {
    let identity = signed_in(&fixture).await;
    fixture.refresh("1", "2").await;
    fixture.clock.advance(Duration::from_secs(10));
    for _ in 0..3 {
        let refreshed = fixture.refresh_or("1", "2", "x").await;
        assert_eq!(refreshed, Refreshed::Concurrent(identity.clone()));
    }
    // A moment later it is a lost reply, and what was lost is replaced.
    fixture.clock.advance(Duration::from_millis(1));
    let refreshed = fixture.refresh_or("1", "2", "3").await;
    assert_eq!(refreshed, Refreshed::Repeated(identity.clone()));
    let refreshed = fixture.refresh("3", "4").await;
    assert_eq!(refreshed, Refreshed::Rotated(identity.clone()));
    // Once the successor is used, the moment is over.
    let refreshed = fixture.refresh("4", "5").await;
    assert_eq!(refreshed, Refreshed::Rotated(identity));
    assert_eq!(fixture.refresh("3", "4").await, Refreshed::Reused);
    assert_eq!(fixture.refresh("5", "6").await, Refreshed::Reused);
}

pub async fn an_old_token_whose_successor_was_used_ends_the_session(fixture: Fixture) {
    signed_in(&fixture).await;
    fixture.refresh("1", "2").await;
    fixture.refresh("2", "3").await;
    assert_eq!(fixture.refresh("1", "thief").await, Refreshed::Reused);
    for name in ["1", "2", "3"] {
        assert_eq!(
            fixture.refresh(name, "x").await,
            Refreshed::Reused,
            "{name}"
        );
    }
    assert_eq!(fixture.refresh("thief", "x").await, Refreshed::Unknown);
}

pub async fn an_old_token_is_repeated_once_only(fixture: Fixture) {
    signed_in(&fixture).await;
    fixture.refresh("1", "2").await;
    fixture.refresh("1", "3").await;
    assert_eq!(fixture.refresh("1", "4").await, Refreshed::Reused);
    assert_eq!(fixture.refresh("3", "5").await, Refreshed::Reused);
}

pub async fn a_successor_that_was_replaced_ends_the_session_when_it_turns_up(fixture: Fixture) {
    signed_in(&fixture).await;
    fixture.refresh("1", "2").await;
    fixture.refresh("1", "3").await;
    assert_eq!(fixture.refresh("2", "thief").await, Refreshed::Reused);
    assert_eq!(fixture.refresh("3", "4").await, Refreshed::Reused);
}

pub async fn of_many_uses_of_one_token_at_once_one_rotates_and_one_repeats(fixture: Fixture) {
    signed_in(&fixture).await;
    let names: Vec<String> = (0..20).map(|n| format!("successor-{n}")).collect();
    let uses = names.iter().map(|name| fixture.refresh("1", name));
    let mut counts = [0; 3];
    for refreshed in futures_util::future::join_all(uses).await {
        match refreshed {
            Refreshed::Rotated(_) => counts[0] += 1,
            Refreshed::Repeated(_) => counts[1] += 1,
            Refreshed::Reused => counts[2] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(counts, [1, 1, 18]);
    for name in &names {
        let refreshed = fixture.refresh(name, "x").await;
        assert!(
            matches!(refreshed, Refreshed::Reused | Refreshed::Unknown),
            "{refreshed:?}"
        );
    }
}

pub async fn a_token_ends_when_it_is_not_used_and_a_session_however_it_is_used(fixture: Fixture) {
    let identity = signed_in(&fixture).await;
    let ada = fixture.read(identity.user_id).await;
    fixture.signed_in(&ada, "idle").await;
    fixture.clock.advance(IDLE);
    assert_eq!(fixture.refresh("idle", "x").await, Refreshed::Expired);

    fixture.signed_in(&ada, "token-0").await;
    let just_in_time = IDLE.checked_sub(Duration::from_secs(1)).unwrap();
    let mut used = 0_u64;
    while let Refreshed::Rotated(_) = fixture
        .refresh(&format!("token-{used}"), &format!("token-{}", used + 1))
        .await
    {
        used += 1;
        fixture.clock.advance(just_in_time);
    }
    let hours = ABSOLUTE.as_secs() / IDLE.as_secs();
    assert_eq!(used, hours + 1);
    let last = fixture.refresh(&format!("token-{used}"), "x").await;
    assert_eq!(last, Refreshed::Expired);
    assert_eq!(fixture.sessions(&ada).await, []);
}

pub async fn what_is_no_token_is_unknown(fixture: Fixture) {
    signed_in(&fixture).await;
    for name in ["", "x", "2"] {
        assert_eq!(fixture.refresh(name, "y").await, Refreshed::Unknown);
    }
    let refreshed = fixture.refresh("1", "2").await;
    assert!(matches!(refreshed, Refreshed::Rotated(_)));
}
