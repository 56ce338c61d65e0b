//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use notification::store::sqlite::SqliteNotifications;
use testkit::contract::Guard;

use crate::contract::{Fixture, whole_contract};
use crate::samples;

async fn open(path: &Path, guard: Guard) -> Fixture {
    let store = SqliteNotifications::open(path).await.unwrap();
    let outbox = SqliteMessages::open(store.database().clone())
        .await
        .unwrap();
    Fixture {
        store: Arc::new(store.clone()),
        other: Arc::new(store),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(samples::start()),
        _guard: guard,
    }
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    open(&path, Box::new(folder)).await
}

whole_contract!(fixture);

#[tokio::test]
async fn what_an_earlier_process_was_sending_is_sent_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    let first = open(&path, Box::new(())).await;
    first.customer("Ada").await;
    let begun = first.claim().await;
    drop(first);
    let second = open(&path, Box::new(folder)).await;
    let again = second.claim().await;
    assert_eq!((begun[0].id, 1), (again[0].id, begun[0].attempt));
    assert_eq!(again[0].attempt, 2);
}
