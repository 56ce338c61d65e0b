//! Accounts.

use std::time::Duration;

use contracts::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use contracts::{Role, UserId};
use service_kit::http::etag::IfMatch;
use user::domain::Account;
use user::store::{AccountPage, ChangeError, Credentials};

use crate::contract::{Fixture, email, hash, name, start};

pub async fn an_account_is_stored_and_told_once(fixture: Fixture) {
    let new = fixture.new_account("ada", &[Role::Admin]);
    let id = new.id;
    let registered = fixture.store.register(new, fixture.context()).await;
    assert!(registered.unwrap());
    let read = fixture.read(id).await;
    let account = Account {
        // Each store counts in its own way; the lists say what it is good for.
        sequence: read.sequence,
        id,
        email: email("ada"),
        email_verified: false,
        name: name("ada"),
        roles: vec![Role::Customer, Role::Admin],
        version: 1,
        created_at: start(),
        updated_at: start(),
    };
    assert_eq!(read, account);
    let told = UserRegistered {
        user_id: id,
        email: "ada@example.com".to_owned(),
        name: "ada".to_owned(),
        roles: account.roles.clone(),
    };
    assert_eq!(fixture.events().await, [(1, told.into())]);

    fixture.clock.advance(Duration::from_secs(1));
    let mut again = fixture.new_account("ada", &[]);
    again.password_hash = hash("another");
    let again_id = again.id;
    let registered = fixture.store.register(again, fixture.context()).await;
    assert!(!registered.unwrap());
    assert_eq!(fixture.store.account(again_id).await.unwrap(), None);
    assert_eq!(fixture.read(id).await, account);
    let credentials = Credentials {
        user_id: id,
        password_hash: hash("ada"),
    };
    let known = fixture.store.credentials(email("ada")).await.unwrap();
    assert_eq!(known, Some(credentials.clone()));
    let known = fixture.store.credentials_of(id).await.unwrap();
    assert_eq!(known, Some(credentials));
    assert_eq!(fixture.store.credentials(email("bob")).await.unwrap(), None);
    assert_eq!(fixture.events().await, []);
}

pub async fn many_registrations_of_one_address_at_once_make_one_account(fixture: Fixture) {
    let attempts = (0..20).map(|_| {
        let account = fixture.new_account("ada", &[]);
        fixture.store.register(account, fixture.context())
    });
    let made = futures_util::future::join_all(attempts).await;
    let made = made.into_iter().filter(|made| *made.as_ref().unwrap());
    assert_eq!(made.count(), 1);
    assert_eq!(fixture.events().await.len(), 1);
    let page = AccountPage::Newest { after: None };
    assert_eq!(fixture.store.accounts(page, 10).await.unwrap().len(), 1);
}

pub async fn a_new_name_is_told_with_the_whole_profile_and_the_same_name_is_not(fixture: Fixture) {
    let before = fixture.account("ada", &[]).await;
    fixture.events().await;
    fixture.clock.advance(Duration::from_secs(1));
    let rename = |new: Option<&str>| {
        let new = new.map(name);
        let context = fixture.context();
        fixture.store.rename(before.id, IfMatch::Any, new, context)
    };
    assert_eq!(rename(None).await.unwrap(), before);
    assert_eq!(rename(Some("ada")).await.unwrap(), before);
    assert_eq!(fixture.events().await, []);
    let after = Account {
        name: name("Ada L."),
        version: 2,
        updated_at: start().plus(Duration::from_secs(1)),
        ..before.clone()
    };
    assert_eq!(rename(Some("Ada L.")).await.unwrap(), after);
    assert_eq!(fixture.read(before.id).await, after);
    let told = UserProfileUpdated {
        user_id: before.id,
        email: "ada@example.com".to_owned(),
        name: "Ada L.".to_owned(),
    };
    assert_eq!(fixture.events().await, [(2, told.into())]);
}

pub async fn a_change_needs_the_version_somebody_has_seen(fixture: Fixture) {
    let account = fixture.account("ada", &[]).await;
    fixture.events().await;
    let context = fixture.context();
    let seen = IfMatch::Version(2);
    let renamed = fixture
        .store
        .rename(account.id, seen, Some(name("x")), context.clone());
    assert!(matches!(renamed.await, Err(ChangeError::Stale)));
    let roles = vec![Role::Admin];
    let promoted = fixture.store.set_roles(account.id, seen, roles, context);
    assert!(matches!(promoted.await, Err(ChangeError::Stale)));
    let nobody = UserId::at(start());
    let context = fixture.context();
    let renamed = fixture.store.rename(nobody, IfMatch::Any, None, context);
    assert!(matches!(renamed.await, Err(ChangeError::NotFound)));
    assert_eq!(fixture.read(account.id).await, account);
    assert_eq!(fixture.events().await, []);
}

async fn set_roles(
    fixture: &Fixture,
    account: &Account,
    roles: &[Role],
) -> Result<Account, ChangeError> {
    let (roles, context) = (roles.to_vec(), fixture.context());
    let any = IfMatch::Any;
    fixture
        .store
        .set_roles(account.id, any, roles, context)
        .await
}

pub async fn roles_are_replaced_whole_and_told(fixture: Fixture) {
    let before = fixture.account("ada", &[Role::Support]).await;
    fixture.events().await;
    let after = Account {
        roles: vec![Role::Customer, Role::Catalog, Role::Admin],
        version: 2,
        ..before.clone()
    };
    let set = set_roles(&fixture, &before, &[Role::Admin, Role::Catalog]).await;
    assert_eq!(set.unwrap(), after);
    assert_eq!(fixture.read(before.id).await, after);
    let told = UserRolesChanged {
        user_id: before.id,
        roles: after.roles.clone(),
    };
    assert_eq!(fixture.events().await, [(2, told.into())]);
    let same = set_roles(&fixture, &before, &after.roles).await;
    assert_eq!(same.unwrap(), after);
    assert_eq!(fixture.events().await, []);
}

pub async fn the_last_administrator_stays_one(fixture: Fixture) {
    let ada = fixture.account("ada", &[Role::Admin]).await;
    let refused = set_roles(&fixture, &ada, &[Role::Catalog]).await;
    assert!(matches!(refused, Err(ChangeError::LastAdministrator)));
    assert_eq!(fixture.read(ada.id).await, ada);
    let more = set_roles(&fixture, &ada, &[Role::Admin, Role::Catalog]).await;
    assert_eq!(more.unwrap().version, 2);
    fixture.account("bob", &[Role::Admin]).await;
    let stepped_down = set_roles(&fixture, &ada, &[]).await.unwrap();
    assert_eq!(stepped_down.roles, [Role::Customer]);
}

pub async fn of_two_administrators_who_step_down_at_once_one_stays(fixture: Fixture) {
    let ada = fixture.account("ada", &[Role::Admin]).await;
    let bob = fixture.account("bob", &[Role::Admin]).await;
    let (one, other) = futures_util::join!(
        set_roles(&fixture, &ada, &[]),
        set_roles(&fixture, &bob, &[])
    );
    let refused = [one, other]
        .into_iter()
        .filter(|result| matches!(result, Err(ChangeError::LastAdministrator)));
    assert_eq!(refused.count(), 1);
}

pub async fn lists_are_newest_first_and_go_on_where_they_ended(fixture: Fixture) {
    let mut made = Vec::new();
    for who in ["a", "b", "c", "d", "e"] {
        made.insert(0, fixture.account(who, &[]).await);
    }
    let page = async |after| {
        let page = AccountPage::Newest { after };
        fixture.store.accounts(page, 2).await.unwrap()
    };
    assert_eq!(page(None).await, made[..2]);
    // Who registers meanwhile does not move what follows.
    fixture.account("f", &[]).await;
    assert_eq!(page(Some(made[1].sequence)).await, made[2..4]);
    assert_eq!(page(Some(made[3].sequence)).await, made[4..]);
}

pub async fn addresses_that_begin_alike_are_found_in_their_order(fixture: Fixture) {
    let mut accounts = Vec::new();
    for who in ["ann", "zoe", "anna", "an", "ao", "a%"] {
        accounts.push(fixture.account(who, &[]).await);
    }
    let page = async |prefix: &str, after: Option<&str>, limit| {
        let page = AccountPage::ByEmail {
            prefix: prefix.to_owned(),
            after: after.map(str::to_owned),
        };
        let found = fixture.store.accounts(page, limit).await.unwrap();
        let found = found.into_iter().map(|account| account.name);
        found.collect::<Vec<_>>()
    };
    assert_eq!(
        page("an", None, 10).await,
        [name("an"), name("ann"), name("anna")]
    );
    assert_eq!(page("an", None, 1).await, [name("an")]);
    assert_eq!(page("an", Some("an@example.com"), 1).await, [name("ann")]);
    assert_eq!(
        page("ann@example.com", None, 10).await,
        [name("ann")],
        "a whole address is its own beginning"
    );
    assert_eq!(page("%", None, 10).await, []);
    assert_eq!(page("a%", None, 10).await, [name("a%")]);
}
