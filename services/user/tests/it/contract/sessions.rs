//! Sign-ins and passwords.

use std::time::Duration;

use contracts::{Role, SessionId};
use user::store::{Credentials, Identity, Refreshed};

use crate::contract::{ABSOLUTE, Fixture, email, hash, start, token};

pub async fn a_sign_in_has_the_roles_of_now_and_is_listed(fixture: Fixture) {
    let ada = fixture.account("ada", &[Role::Support]).await;
    let command = fixture.sign_in_command(&ada, "t");
    let session = command.session.clone();
    let identity = fixture.store.sign_in(command, 50, fixture.context()).await;
    assert_eq!(
        identity.unwrap(),
        Some(Identity {
            user_id: ada.id,
            session_id: session.id,
            roles: vec![Role::Customer, Role::Support],
            session_ends_at: start().plus(ABSOLUTE),
        })
    );
    assert_eq!(fixture.sessions(&ada).await, [session]);
    let bob = fixture.account("bob", &[]).await;
    assert_eq!(fixture.sessions(&bob).await, []);
}

pub async fn a_password_that_was_changed_meanwhile_begins_no_session(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let mut command = fixture.sign_in_command(&ada, "t");
    command.verified = hash("an older one");
    let signed_in = fixture.store.sign_in(command, 50, fixture.context()).await;
    assert_eq!(signed_in.unwrap(), None);
    assert_eq!(fixture.sessions(&ada).await, []);
    assert_eq!(fixture.refresh("t", "u").await, Refreshed::Unknown);
}

pub async fn a_renewed_hash_takes_the_place_of_the_old_one(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let mut command = fixture.sign_in_command(&ada, "t");
    command.renewed = Some(hash("dearer"));
    let signed_in = fixture.store.sign_in(command, 50, fixture.context()).await;
    assert!(signed_in.unwrap().is_some());
    let known = fixture.store.credentials(email("ada")).await.unwrap();
    assert_eq!(known.unwrap().password_hash, hash("dearer"));
}

pub async fn the_oldest_sessions_beyond_the_most_are_ended(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let mut begun = Vec::new();
    for first in ["1", "2", "3", "4"] {
        fixture.clock.advance(Duration::from_secs(1));
        let command = fixture.sign_in_command(&ada, first);
        begun.insert(0, command.session.clone());
        let signed_in = fixture.store.sign_in(command, 3, fixture.context()).await;
        assert!(signed_in.unwrap().is_some());
    }
    assert_eq!(fixture.sessions(&ada).await, begun[..3]);
    assert_eq!(fixture.refresh("1", "x").await, Refreshed::Unknown);
    let rotated = fixture.refresh("2", "y").await;
    assert!(matches!(rotated, Refreshed::Rotated(_)), "{rotated:?}");
}

pub async fn a_session_that_was_ended_or_is_somebody_elses_cannot_be_ended(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let bob = fixture.account("bob", &[]).await;
    let session = fixture.signed_in(&ada, "t").await.session_id;
    let end = |user_id, session| {
        let context = fixture.context();
        let ended = fixture.store.end_session(user_id, session, context);
        async { ended.await.unwrap() }
    };
    assert!(!end(bob.id, session).await);
    assert!(!end(ada.id, SessionId::at(start())).await);
    assert!(end(ada.id, session).await);
    assert!(!end(ada.id, session).await);
    assert_eq!(fixture.sessions(&ada).await, []);
    assert_eq!(fixture.refresh("t", "u").await, Refreshed::Unknown);
}

pub async fn signing_out_works_with_any_token_of_the_session(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    fixture.signed_in(&ada, "t").await;
    fixture.refresh("t", "u").await;
    let other = fixture.signed_in(&ada, "o").await.session_id;
    for name in ["t", "t", "nobody's"] {
        let signed_out = fixture.store.sign_out(token(name), fixture.context()).await;
        signed_out.unwrap();
    }
    for name in ["t", "u"] {
        assert_eq!(fixture.refresh(name, "v").await, Refreshed::Unknown);
    }
    let left = fixture.sessions(&ada).await;
    assert_eq!(left.iter().map(|one| one.id).collect::<Vec<_>>(), [other]);
}

pub async fn a_new_password_ends_all_other_sessions(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let bob = fixture.account("bob", &[]).await;
    let here = fixture.signed_in(&ada, "here").await.session_id;
    fixture.signed_in(&ada, "elsewhere").await;
    fixture.signed_in(&bob, "bob").await;
    let change = |verified: &str, new: &str| {
        let verified = Credentials {
            user_id: ada.id,
            password_hash: hash(verified),
        };
        let context = fixture.context();
        let changed = fixture
            .store
            .change_password(verified, hash(new), here, context);
        async { changed.await.unwrap() }
    };
    fixture.clock.advance(Duration::from_secs(1));
    assert!(!change("an older one", "new").await);
    assert_eq!(fixture.sessions(&ada).await.len(), 2);
    assert!(change("ada", "new").await);
    assert!(!change("ada", "newer").await);
    let known = fixture.store.credentials_of(ada.id).await.unwrap();
    assert_eq!(known.unwrap().password_hash, hash("new"));
    // What is shown of the account is the same, and so is its version.
    assert_eq!(fixture.read(ada.id).await, ada);
    assert_eq!(fixture.refresh("elsewhere", "x").await, Refreshed::Unknown);
    for kept in ["here", "bob"] {
        let refreshed = fixture.refresh(kept, &format!("{kept}-2")).await;
        assert!(matches!(refreshed, Refreshed::Rotated(_)), "{refreshed:?}");
    }
}

pub async fn ended_sessions_are_forgotten_when_they_are_old(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    fixture.signed_in(&ada, "ends by itself").await;
    fixture.signed_in(&ada, "signs out").await;
    let out = fixture
        .store
        .sign_out(token("signs out"), fixture.context());
    out.await.unwrap();
    let forget = |before, limit| {
        let forgotten = fixture.store.forget_sessions(before, limit);
        async { forgotten.await.unwrap() }
    };
    assert_eq!(forget(start(), 10).await, 0);
    let later = start().plus(Duration::from_millis(1));
    assert_eq!(forget(later, 10).await, 1);
    assert_eq!(fixture.sessions(&ada).await.len(), 1);
    fixture.refresh("ends by itself", "t").await;
    fixture.signed_in(&ada, "another").await;
    let after_all = start().plus(ABSOLUTE + Duration::from_millis(1));
    assert_eq!(forget(after_all, 1).await, 1);
    assert_eq!(forget(after_all, 10).await, 1);
    assert_eq!(forget(after_all, 10).await, 0);
    assert_eq!(fixture.refresh("t", "u").await, Refreshed::Unknown);
}
