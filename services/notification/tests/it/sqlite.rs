//! The SQLite store keeps the contract, and what it promised survives.

use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use notification::store::sqlite::SqliteNotifications;

use crate::contract::{Fixture, whole_contract};
use crate::samples;

async fn open(folder: tempfile::TempDir) -> Fixture {
    let path = folder.path().join("notification.db");
    let store = SqliteNotifications::open(&path).await.unwrap();
    let outbox = SqliteMessages::open(store.database().clone())
        .await
        .unwrap();
    Fixture {
        store: Arc::new(store),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(samples::start()),
        folder,
    }
}

async fn fixture() -> Fixture {
    open(tempfile::tempdir().unwrap()).await
}

whole_contract!(fixture);

#[tokio::test]
async fn what_an_earlier_process_was_sending_is_sent_again_at_once() {
    let first = fixture().await;
    first.customer("Ada").await;
    let begun = first.claim().await;
    let Fixture { store, folder, .. } = first;
    drop(store);
    let second = open(folder).await;
    let again = second.claim().await;
    assert_eq!((begun[0].id, 1), (again[0].id, begun[0].attempt));
    assert_eq!(again[0].attempt, 2);
}
