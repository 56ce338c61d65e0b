//! The SQLite store keeps the contract, and what it promised survives.

use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use order::domain::Deadlines;
use order::store::OrderStore as _;
use order::store::sqlite::SqliteOrders;

use crate::contract::{Fixture, start, whole_contract};

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.db");
    let store = SqliteOrders::open(&path, Deadlines::default())
        .await
        .unwrap();
    let outbox = SqliteMessages::open(store.database().clone())
        .await
        .unwrap();
    Fixture {
        store: Arc::new(store),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(start()),
        folder,
    }
}

whole_contract!(fixture);

#[tokio::test]
async fn an_order_is_there_after_the_file_is_opened_again() {
    let fixture = fixture().await;
    fixture.fill_catalog().await;
    let order = fixture.confirmed(fixture.customer(), "k").await;
    let path = fixture.folder.path().join("order.db");
    let reopened = SqliteOrders::open(&path, Deadlines::default())
        .await
        .unwrap();
    assert_eq!(reopened.order(order.id, None).await.unwrap(), Some(order));
}
