//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contracts::ManualClock;
use contracts::events::order::OrderStatus;
use messaging::Poke;
use messaging::sqlite::SqliteMessages;
use order::domain::Deadlines;
use order::store::OrderStore as _;
use order::store::sqlite::SqliteOrders;
use order::sweeper::Sweeper;
use order::waiting::Waiting;
use service_kit::Present;

use crate::contract::{Fixture, start, whole_contract};

pub async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut fixture = fixture_in(folder.path()).await;
    fixture.guard = Box::new(folder);
    fixture
}

async fn fixture_in(folder: &Path) -> Fixture {
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
    let unreadable = fixture.placed(fixture.customer(), "a").await;
    fixture.clock.advance(Duration::from_secs(1));
    let other = fixture.placed(fixture.customer(), "b").await;
    let file = rusqlite::Connection::open(folder.path().join("order.db")).unwrap();
    file.execute(
        "UPDATE orders SET cancel_reason = 'of a later version' WHERE id = ?1",
        [unreadable.id.to_string()],
    )
    .unwrap();
    fixture.clock.advance(Duration::from_hours(1));
    let sweeper = Sweeper {
        store: Arc::clone(&fixture.store),
        waiting: Waiting::default(),
        poke: Poke::new(),
        present: Present::new(Arc::new(ManualClock::at(fixture.clock_now()))),
    };
    assert_eq!(sweeper.sweep().await.unwrap(), 1);
    let status = fixture.order(other.id).await.status;
    assert_eq!(status, OrderStatus::Cancelling);
}
