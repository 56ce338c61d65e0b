//! Address books.

use std::time::Duration;

use contracts::{Address, AddressId};
use service_kit::http::etag::IfMatch;
use user::domain::Account;
use user::store::{Added, ChangeError, Entry, Retry};

use crate::contract::{Fixture, address, line, start};

fn retry(key: &str, fingerprint: &str) -> Retry {
    Retry {
        key: key.to_owned(),
        fingerprint: fingerprint.to_owned(),
    }
}

async fn add(fixture: &Fixture, owner: &Account, retry: Option<Retry>) -> Added {
    let (address, context) = (address("Berlin"), fixture.context());
    let added = fixture
        .store
        .add_address(owner.id, address, retry, 3, context);
    added.await.unwrap()
}

async fn added(fixture: &Fixture, owner: &Account) -> Entry {
    match add(fixture, owner, None).await {
        Added::Done(entry) => entry,
        other => panic!("{other:?}"),
    }
}

fn to_hamburg(before: Address) -> Address {
    Address {
        city: line("Hamburg"),
        line2: None,
        ..before
    }
}

pub async fn an_address_is_kept_changed_and_removed(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let entry = added(&fixture, &ada).await;
    let expected = Entry {
        id: entry.id,
        address: address("Berlin"),
        version: 1,
        created_at: start(),
        updated_at: start(),
    };
    assert_eq!(entry, expected);
    fixture.clock.advance(Duration::from_secs(1));
    let second = added(&fixture, &ada).await;
    let edit = async || {
        let (edit, context) = (Box::new(to_hamburg), fixture.context());
        let any = IfMatch::Any;
        let edited = fixture
            .store
            .edit_address(ada.id, entry.id, any, edit, context);
        edited.await.unwrap()
    };
    let changed = Entry {
        address: to_hamburg(address("Berlin")),
        version: 2,
        updated_at: start().plus(Duration::from_secs(1)),
        ..expected
    };
    assert_eq!(edit().await, changed);
    assert_eq!(edit().await, changed, "nothing changes any more");
    let read = fixture.store.address(ada.id, entry.id).await.unwrap();
    assert_eq!(read, Some(changed.clone()));
    let all = fixture.store.addresses(ada.id).await.unwrap();
    assert_eq!(all, [changed, second.clone()]);
    let remove = async || {
        fixture
            .store
            .remove_address(ada.id, entry.id, IfMatch::Any)
            .await
    };
    remove().await.unwrap();
    assert!(matches!(remove().await, Err(ChangeError::NotFound)));
    assert_eq!(fixture.store.addresses(ada.id).await.unwrap(), [second]);
}

pub async fn somebody_elses_address_is_not_there(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let bob = fixture.account("bob", &[]).await;
    let entry = added(&fixture, &ada).await;
    assert_eq!(fixture.store.addresses(bob.id).await.unwrap(), []);
    assert_eq!(fixture.store.address(bob.id, entry.id).await.unwrap(), None);
    let (edit, context) = (Box::new(to_hamburg), fixture.context());
    let any = IfMatch::Any;
    let edited = fixture
        .store
        .edit_address(bob.id, entry.id, any, edit, context)
        .await;
    assert!(matches!(edited, Err(ChangeError::NotFound)), "{edited:?}");
    let removed = fixture.store.remove_address(bob.id, entry.id, any).await;
    assert!(matches!(removed, Err(ChangeError::NotFound)), "{removed:?}");
    assert_eq!(fixture.store.addresses(ada.id).await.unwrap(), [entry]);
}

pub async fn an_address_with_a_key_is_written_down_once(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let bob = fixture.account("bob", &[]).await;
    let Added::Done(entry) = add(&fixture, &ada, Some(retry("k", "one"))).await else {
        panic!("the key is new");
    };
    let again = add(&fixture, &ada, Some(retry("k", "one"))).await;
    assert_eq!(again, Added::Replayed(entry.clone()));
    let other = add(&fixture, &ada, Some(retry("k", "another"))).await;
    assert_eq!(other, Added::KeyReused);
    let of_bob = add(&fixture, &bob, Some(retry("k", "one"))).await;
    assert!(matches!(of_bob, Added::Done(_)), "{of_bob:?}");
    let removed = fixture.store.remove_address(ada.id, entry.id, IfMatch::Any);
    removed.await.unwrap();
    let gone = add(&fixture, &ada, Some(retry("k", "one"))).await;
    assert_eq!(gone, Added::Gone);
    assert_eq!(fixture.store.addresses(ada.id).await.unwrap(), []);
}

pub async fn many_requests_with_one_key_at_once_write_one_address(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let requests = (0..20).map(|_| add(&fixture, &ada, Some(retry("k", "one"))));
    let all = futures_util::future::join_all(requests).await;
    let done = all.iter().filter(|added| matches!(added, Added::Done(_)));
    assert_eq!(done.count(), 1);
    assert_eq!(fixture.store.addresses(ada.id).await.unwrap().len(), 1);
}

pub async fn a_full_book_takes_no_more(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    for _ in 0..3 {
        added(&fixture, &ada).await;
    }
    assert_eq!(
        add(&fixture, &ada, Some(retry("k", "one"))).await,
        Added::Full
    );
    let bob = fixture.account("bob", &[]).await;
    added(&fixture, &bob).await;
    let first = fixture.store.addresses(ada.id).await.unwrap()[0].id;
    let removed = fixture.store.remove_address(ada.id, first, IfMatch::Any);
    removed.await.unwrap();
    let now_there_is_room = add(&fixture, &ada, Some(retry("k", "one"))).await;
    assert!(matches!(now_there_is_room, Added::Done(_)));
}

pub async fn a_change_of_an_address_needs_the_version_somebody_has_seen(fixture: Fixture) {
    let ada = fixture.account("ada", &[]).await;
    let entry = added(&fixture, &ada).await;
    let edit = async |id: AddressId, version| {
        let (edit, context) = (Box::new(to_hamburg), fixture.context());
        let seen = IfMatch::Version(version);
        let edited = fixture.store.edit_address(ada.id, id, seen, edit, context);
        edited.await
    };
    assert!(matches!(edit(entry.id, 2).await, Err(ChangeError::Stale)));
    assert_eq!(edit(entry.id, 1).await.unwrap().version, 2);
    let stale = IfMatch::Version(1);
    let removed = fixture.store.remove_address(ada.id, entry.id, stale).await;
    assert!(matches!(removed, Err(ChangeError::Stale)), "{removed:?}");
    assert_eq!(fixture.store.addresses(ada.id).await.unwrap().len(), 1);
}
