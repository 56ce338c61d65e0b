//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;

use contracts::{ManualClock, Role};
use messaging::sqlite::SqliteMessages;
use user::store::UserStore as _;
use user::store::sqlite::SqliteUsers;

use crate::contract::{Fixture, start, whole_contract};

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_in(folder.path()).await;
    Fixture {
        _guard: Box::new(folder),
        ..fixture
    }
}

async fn fixture_in(folder: &Path) -> Fixture {
    let store = SqliteUsers::open(&folder.join("user.db")).await.unwrap();
    let outbox = SqliteMessages::open(store.database().clone())
        .await
        .unwrap();
    Fixture {
        store: Arc::new(store),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(start()),
        _guard: Box::new(()),
    }
}

whole_contract!(fixture);

#[tokio::test]
async fn an_account_is_there_after_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_in(folder.path()).await;
    let account = fixture.account("ada", &[Role::Catalog]).await;
    let reopened = SqliteUsers::open(&folder.path().join("user.db")).await;
    let read = reopened.unwrap().account(account.id).await.unwrap();
    assert_eq!(read, Some(account));
}

#[tokio::test]
async fn no_refresh_token_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_in(folder.path()).await;
    let account = fixture.account("ada", &[]).await;
    fixture.signed_in(&account, "a-secret-token").await;
    fixture
        .refresh("a-secret-token", "another-secret-token")
        .await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let secret = b"secret-token";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
}
