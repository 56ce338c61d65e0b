//! The messaging tables in an embedded store keep every store's promises, and some of their own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use messaging::sqlite::{self, SqliteMessages};
use messaging::{DeferredStore as _, MessageStore, OutboxStats, OutboxStore as _};
use sqlite_store::StoreError;

use crate::fixtures::{Store, cancel_requested, message_of, now};
use crate::store_contract::{Bench, store_contract};

#[async_trait]
impl Bench for Store {
    async fn fresh() -> Self {
        Self::open().await
    }

    fn store(&self) -> Arc<dyn MessageStore> {
        Arc::clone(&self.messages) as Arc<dyn MessageStore>
    }

    async fn append(&self, event: &Event) {
        Store::append(self, event).await;
    }

    async fn first_delivery(&self, consumer: &'static str, id: &str, at: Timestamp) -> bool {
        let id = id.to_owned();
        self.db
            .write(move |connection| sqlite::first_delivery(connection, consumer, &id, at))
            .await
            .unwrap()
    }

    async fn refuse(&self, id: Option<&str>) {
        let sql = match id {
            Some(id) => format!(
                "CREATE TRIGGER refuse BEFORE INSERT ON deferred WHEN NEW.id = '{id}'
                 BEGIN SELECT RAISE(ABORT, 'refused for good'); END"
            ),
            None => "DROP TRIGGER refuse".to_owned(),
        };
        let changed = self.db.write(move |connection| {
            connection.execute_batch(&sql)?;
            Ok::<_, StoreError>(())
        });
        changed.await.unwrap();
    }
}

store_contract!(Store);

#[tokio::test]
async fn a_command_that_fails_tells_nothing_and_receives_nothing() {
    let store = Store::open().await;
    let event = cancel_requested();
    let failed = store
        .db
        .write(move |connection| {
            assert!(sqlite::first_delivery(connection, "one", "evt_1", now())?);
            sqlite::append_outbox(connection, &event, None)?;
            Err::<(), _>(StoreError::Unexpected("a rule was broken".to_owned()))
        })
        .await;
    assert!(matches!(failed, Err(StoreError::Unexpected(_))));
    let stats = store.messages.outbox_stats().await.unwrap();
    assert_eq!(stats, OutboxStats::default());
    assert!(store.first_delivery("one", "evt_1").await);
}

#[tokio::test]
async fn what_a_process_had_claimed_when_it_died_is_free_at_once_for_the_next() {
    let store = Store::open().await;
    let event = cancel_requested();
    store.append(&event).await;
    let lease = Duration::from_secs(30);
    store.messages.claim(9, lease, now()).await.unwrap();
    let next = SqliteMessages::open(store.db.clone()).await.unwrap();
    let claimed = next.claim(9, lease, now()).await.unwrap();
    assert_eq!(claimed, [message_of(&event)]);

    let message = message_of(&event);
    next.defer("product.orders", message, "r", now())
        .await
        .unwrap();
    assert_eq!(next.due(now(), 9).await.unwrap().len(), 1);
    let next = SqliteMessages::open(store.db.clone()).await.unwrap();
    let suspect = next.suspect(now()).await.unwrap().unwrap();
    assert_eq!(suspect.attempts, 3);
}
