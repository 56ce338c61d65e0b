//! Telling all accounts again.

use std::time::Duration;

use contracts::events::user::{UserProfileUpdated, UserRolesChanged};
use contracts::{Payload, Role, UserId};
use service_kit::http::etag::IfMatch;
use user::domain::Account;
use user::store::Retold;

use crate::contract::{Fixture, name};

/// What is told of an account that is told again.
fn told(account: &Account) -> [(u64, Payload); 2] {
    let profile = UserProfileUpdated {
        user_id: account.id,
        email: account.email.as_str().to_owned(),
        name: account.name.as_str().to_owned(),
    };
    let roles = UserRolesChanged {
        user_id: account.id,
        roles: account.roles.clone(),
    };
    [
        (account.version, profile.into()),
        (account.version, roles.into()),
    ]
}

async fn retell(fixture: &Fixture, after: Option<UserId>, limit: u32) -> Option<Retold> {
    let context = fixture.context();
    fixture.store.retell(after, limit, context).await.unwrap()
}

pub async fn everybody_is_told_as_they_are_now_and_nobody_is_new(fixture: Fixture) {
    assert_eq!(retell(&fixture, None, 10).await, None);
    let ada = fixture.account("ada", &[Role::Admin]).await;
    fixture.clock.advance(Duration::from_secs(1));
    let bob = fixture.account("bob", &[]).await;
    let renamed = Some(name("Robert"));
    let context = fixture.context();
    let bob = fixture.store.rename(bob.id, IfMatch::Any, renamed, context);
    let bob = bob.await.unwrap();
    fixture.events().await;
    let all = Retold {
        last: bob.id,
        count: 2,
    };
    assert_eq!(retell(&fixture, None, 10).await, Some(all));
    assert_eq!(fixture.events().await, [told(&ada), told(&bob)].concat());
    assert_eq!(fixture.read(ada.id).await, ada);
    assert_eq!(fixture.read(bob.id).await, bob);
}

pub async fn telling_again_goes_on_where_it_ended(fixture: Fixture) {
    let mut accounts = Vec::new();
    for who in ["a", "b", "c", "d", "e"] {
        fixture.clock.advance(Duration::from_secs(1));
        accounts.push(fixture.account(who, &[]).await);
    }
    fixture.events().await;
    let mut after = None;
    let mut counts = Vec::new();
    while let Some(retold) = retell(&fixture, after, 2).await {
        after = Some(retold.last);
        counts.push(retold.count);
    }
    assert_eq!(counts, [2, 2, 1]);
    let all: Vec<_> = accounts.iter().flat_map(told).collect();
    assert_eq!(fixture.events().await, all);
}
