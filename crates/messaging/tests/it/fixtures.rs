//! Events, a store and a life for the tests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use contracts::events::notification::NotificationFailed;
use contracts::events::order::{CancelReason, OrderCancelRequested};
use contracts::{DeliveryId, Event, EventId, ManualClock, OrderId, Payload, Timestamp, UserId};
use messaging::Message;
use messaging::sqlite::{self, SqliteMessages};
use service_kit::{Lifecycle, LifecycleSettings};
use sqlite_store::{Database, Migration, Schema};
use tempfile::TempDir;

pub const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(now()))
}

fn event(payload: Payload, correlation_id: String) -> Event {
    Event {
        id: EventId::at(now()),
        occurred_at: now(),
        aggregate_version: 7,
        correlation_id,
        payload,
    }
}

/// An event that `product.orders` hears.
pub fn cancel_requested() -> Event {
    let order_id = OrderId::at(now());
    let payload = OrderCancelRequested {
        order_id,
        reason: CancelReason::Customer,
    };
    event(payload.into(), order_id.to_string())
}

/// An event that nobody hears.
pub fn unheard() -> Event {
    let user_id = UserId::at(now());
    let payload = NotificationFailed {
        delivery_id: DeliveryId::at(now()),
        event_id: EventId::at(now()),
        user_id,
        channel: "email".to_owned(),
        reason: "550 no such mailbox".to_owned(),
    };
    event(payload.into(), user_id.to_string())
}

pub fn message_of(event: &Event) -> Message {
    Message::from_event(event, Some(TRACEPARENT)).unwrap()
}

/// So many messages that `product.orders` hears.
pub fn messages(count: usize) -> Vec<Message> {
    (0..count)
        .map(|_| message_of(&cancel_requested()))
        .collect()
}

pub fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.id.clone()).collect()
}

pub fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

static SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: sqlite::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: sqlite_store::idempotency::SCHEMA_SQL,
            min_binary: 1,
        },
    ],
};

/// A service's store.
pub struct Store {
    _folder: TempDir,
    pub db: Database,
    pub messages: Arc<SqliteMessages>,
}

impl Store {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("test.db"), &SCHEMA)
            .await
            .unwrap();
        let messages = Arc::new(SqliteMessages::open(db.clone()).await.unwrap());
        Self {
            _folder: folder,
            db,
            messages,
        }
    }

    pub async fn append(&self, event: &Event) {
        let event = event.clone();
        self.db
            .write(move |connection| sqlite::append_outbox(connection, &event, Some(TRACEPARENT)))
            .await
            .unwrap();
    }

    pub async fn first_delivery(&self, consumer: &'static str, id: &str) -> bool {
        let id = id.to_owned();
        self.db
            .write(move |connection| sqlite::first_delivery(connection, consumer, &id, now()))
            .await
            .unwrap()
    }
}

pub fn life() -> Lifecycle {
    Lifecycle::new(
        "test",
        LifecycleSettings {
            delay_ms: 0,
            grace_ms: 60_000,
        },
    )
}

/// Asks until the answer is there; `what` completes "timed out waiting for …".
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    answered.unwrap_or_else(|late| panic!("timed out waiting for {what}: {late}"))
}

/// Waits until the embedded broker in a folder holds so many messages of the product service, dead letters included.
pub async fn until_the_broker_holds(folder: &Path, messages: i64) {
    let connection = rusqlite::Connection::open(folder.join("broker.db")).unwrap();
    until("messages to be acknowledged", async || {
        let held = "SELECT count(*) FROM message WHERE queue LIKE 'product.%'";
        let held = connection.query_row(held, [], |row| row.get::<_, i64>(0));
        (held.unwrap() == messages).then_some(())
    })
    .await;
}
