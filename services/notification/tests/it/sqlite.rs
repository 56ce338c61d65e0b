//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use notification::store::DeliveryFilter;
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

#[tokio::test]
async fn a_delivery_that_cannot_be_read_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    let fixture = open(&path, Box::new(folder)).await;
    let ada = fixture.customer("Ada").await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let welcome = fixture
        .deliveries(DeliveryFilter::default())
        .await
        .remove(1);
    let spoil = "UPDATE deliveries SET type = 'order.eaten.v9' WHERE id = ?1";
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute(spoil, [welcome.id.to_string()]).unwrap();
    let titles = fixture
        .claim()
        .await
        .into_iter()
        .map(|claimed| claimed.title);
    assert_eq!(titles.collect::<Vec<_>>(), ["Order K7Q2-41ZD confirmed"]);
}
