//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use order::domain::Deadlines;
use order::store::OrderStore as _;
use order::store::sqlite::SqliteOrders;

use crate::contract::sweeping::what_cannot_be_read_keeps_no_other_waiting;
use crate::contract::{Fixture, start, whole_contract};

pub async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = fixture_in(folder.path()).await;
    fixture.guard = Box::new(folder);
    fixture
}

pub async fn fixture_in(folder: &Path) -> Fixture {
    let store = SqliteOrders::open(&folder.join("order.db"), Deadlines::default())
        .await
        .unwrap();
    let outbox = SqliteMessages::open(store.database().clone())
        .await
        .unwrap();
    let store = Arc::new(store);
    let fixture = Fixture {
        store: store.clone(),
        other: store,
        outbox: Arc::new(outbox),
        clock: ManualClock::at(start()),
        guard: Box::new(()),
    };
    fixture.fill_catalog().await;
    fixture
}

whole_contract!(fixture);

#[tokio::test]
async fn an_order_is_there_after_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_in(folder.path()).await;
    let order = fixture.confirmed(fixture.customer(), "k").await;
    let path = folder.path().join("order.db");
    let reopened = SqliteOrders::open(&path, Deadlines::default())
        .await
        .unwrap();
    assert_eq!(reopened.order(order.id, None).await.unwrap(), Some(order));
}

#[tokio::test]
async fn an_overdue_order_that_cannot_be_read_keeps_no_other_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = fixture_in(folder.path()).await;
    let spoil = async |id| {
        let file = rusqlite::Connection::open(folder.path().join("order.db")).unwrap();
        let spoil = "UPDATE orders SET cancel_reason = 'of a later version' WHERE id = ?1";
        file.execute(spoil, [id]).unwrap();
    };
    what_cannot_be_read_keeps_no_other_waiting(&fixture, spoil).await;
}
