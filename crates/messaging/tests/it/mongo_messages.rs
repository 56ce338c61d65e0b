//! The messaging collections in a store on MongoDB keep every store's promises, also for several processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use messaging::mongo::{self, MongoMessages};
use messaging::{
    DeferredStore as _, MessageStore, OutboxStats, OutboxStore as _, ParkedPosition, replay_since,
};
use mongo_store::mongodb::bson::doc;
use mongo_store::{Database, Migration, Schema};
use service_kit::settings::StoreSettings;
use store_kit::StoreError;
use testkit::isolated::{self, MongoDatabase};

use crate::fixtures::{TRACEPARENT, cancel_requested, ids, messages, now};
use crate::store_contract::{Bench, store_contract};

fn messaging(
    database: &mongo_store::mongodb::Database,
) -> BoxFuture<'_, mongo_store::mongodb::error::Result<()>> {
    mongo::migrate(database).boxed()
}

static SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[Migration {
        version: 1,
        name: "messaging",
        work: messaging,
        min_binary: 1,
    }],
};

/// A service's store, and what a second process has of it.
pub struct Store {
    db: Database,
    messages: Arc<MongoMessages>,
    second: Arc<MongoMessages>,
    _database: MongoDatabase,
}

impl Store {
    async fn receive(&self, consumer: &str, id: &str, at: Timestamp) -> bool {
        let input = (consumer, id);
        let received = self.db.transact(&input, |tx, (consumer, id)| {
            mongo::first_delivery(tx, consumer, id, at).boxed()
        });
        received.await.unwrap()
    }
}

#[async_trait]
impl Bench for Store {
    async fn fresh() -> Self {
        let database = isolated::mongo_database().unwrap();
        let settings = StoreSettings {
            url: database.url().to_owned(),
            ..StoreSettings::default()
        };
        Database::migrate(&settings, &SCHEMA).await.unwrap();
        let db = Database::open(&settings, &SCHEMA).await.unwrap();
        let second = Database::open(&settings, &SCHEMA).await.unwrap();
        db.watch_plans().await.unwrap();
        Self {
            messages: Arc::new(MongoMessages::new(db.clone())),
            second: Arc::new(MongoMessages::new(second)),
            db,
            _database: database,
        }
    }

    fn store(&self) -> Arc<dyn MessageStore> {
        Arc::clone(&self.messages) as Arc<dyn MessageStore>
    }

    async fn append(&self, event: &Event) {
        let appended = self.db.transact(event, |tx, event| {
            mongo::append_outbox(tx, std::slice::from_ref(event), Some(TRACEPARENT)).boxed()
        });
        appended.await.unwrap();
    }

    async fn first_delivery(&self, consumer: &'static str, id: &str, at: Timestamp) -> bool {
        self.receive(consumer, id, at).await
    }

    async fn refuse(&self, id: Option<&str>) {
        let database = self.db.mongo();
        let Some(id) = id else {
            return mongo::migrate(database).await.unwrap();
        };
        let refuse = doc! { "message_id": { "$ne": id } };
        let changed = doc! { "collMod": "deferred", "validator": refuse };
        database.run_command(changed).await.unwrap();
    }
}

store_contract!(Store);

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_command_that_fails_tells_nothing_and_receives_nothing() {
    let store = Store::fresh().await;
    let event = cancel_requested();
    let failed = store.db.transact(&event, |tx, event| {
        async move {
            assert!(mongo::first_delivery(tx, "one", "evt_1", now()).await?);
            mongo::append_outbox(tx, std::slice::from_ref(event), None).await?;
            Err::<(), _>(StoreError::broken("a rule was broken"))
        }
        .boxed()
    });
    assert!(matches!(failed.await, Err(StoreError::Broken(_))));
    let stats = store.messages.outbox_stats().await.unwrap();
    assert_eq!(stats, OutboxStats::default());
    assert!(store.receive("one", "evt_1", now()).await);
}

#[tokio::test]
async fn events_of_one_command_are_claimed_in_their_order() {
    let store = Store::fresh().await;
    let events: Vec<Event> = (0..20).map(|_| cancel_requested()).collect();
    let appended = store.db.transact(&events, |tx, events| {
        mongo::append_outbox(tx, events, None).boxed()
    });
    appended.await.unwrap();
    let claimed = store.messages.claim(99, LEASE, now()).await.unwrap();
    let expected: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
    assert_eq!(ids(&claimed), expected);
}

#[tokio::test]
async fn two_processes_never_claim_the_same_event() {
    let store = Store::fresh().await;
    for _ in 0..60 {
        store.append(&cancel_requested()).await;
    }
    let claims = (0..12).map(|n| {
        let process = if n % 2 == 0 {
            &store.messages
        } else {
            &store.second
        };
        process.claim(10, LEASE, now())
    });
    let mut claimed = Vec::new();
    for claim in join_all(claims).await {
        claimed.extend(ids(&claim.unwrap()));
    }
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((distinct.len(), claimed.len()), (60, 60));
}

#[tokio::test]
async fn a_due_message_is_given_to_one_of_two_processes_until_its_time_is_up() {
    let store = Store::fresh().await;
    for message in messages(20) {
        store
            .messages
            .defer("product.orders", message, "too early", now())
            .await
            .unwrap();
    }
    let (one, other) = tokio::join!(store.messages.due(now(), 64), store.second.due(now(), 64));
    let (one, other) = (one.unwrap(), other.unwrap());
    let given: BTreeSet<String> = one
        .iter()
        .chain(&other)
        .map(|due| due.message.id.clone())
        .collect();
    assert_eq!((one.len() + other.len(), given.len()), (20, 20));
    assert_eq!(store.second.due(now(), 64).await.unwrap(), []);
    // The process that had them died.
    let later = now().plus(Duration::from_mins(2));
    assert_eq!(store.second.due(later, 64).await.unwrap(), []);
    let mut again = BTreeSet::new();
    while let Some(suspect) = store.second.suspect(later).await.unwrap() {
        again.insert(suspect.message.id);
    }
    assert_eq!(again, given);
}

#[tokio::test]
async fn of_one_message_at_two_processes_at_once_one_has_an_effect() {
    let store = Store::fresh().await;
    let received = (0..20).map(|_| store.receive("product.orders", "evt_1", now()));
    let received = join_all(received).await;
    assert_eq!(received.iter().filter(|first| **first).count(), 1);
}

/// The server tells of every operation how it was carried out.
#[tokio::test]
async fn nothing_is_searched_for_without_an_index() {
    let store = Store::fresh().await;
    for message in messages(3) {
        store.append(&cancel_requested()).await;
        let messages = &store.messages;
        let queue = "product.orders";
        let id = message.id.clone();
        messages
            .defer(queue, message.clone(), "r", now())
            .await
            .unwrap();
        let due = messages.due(now(), 9).await.unwrap().remove(0);
        messages.give_back(&due, now()).await.unwrap();
        let due = messages.due(now(), 9).await.unwrap().remove(0);
        messages.reschedule(&due, "r", now()).await.unwrap();
        messages.suspect(now()).await.unwrap();
        messages.give_up(&due, "r", now()).await.unwrap();
        messages.park(queue, message, "r", now()).await.unwrap();
        messages.parked(None, 9).await.unwrap();
        let last = ParkedPosition {
            parked_at: now(),
            id: id.clone(),
            queue: queue.to_owned(),
        };
        messages.parked(Some(last), 9).await.unwrap();
        messages.parked_in(&id).await.unwrap();
        messages.parked_message(queue, &id).await.unwrap();
        messages.deferred_stats().await.unwrap();
        messages.replay(queue, &id, now()).await.unwrap();
        messages.discard(queue, &id).await.unwrap();
        messages.resolve(&due).await.unwrap();
        store.receive("one", &id, now()).await;
    }
    let claimed = store.messages.claim(2, LEASE, now()).await.unwrap();
    store.messages.outbox_stats().await.unwrap();
    store.messages.release(ids(&claimed), now()).await.unwrap();
    store
        .messages
        .mark_published(ids(&claimed), now())
        .await
        .unwrap();
    replay_since(&*store.messages, now(), 2, |_| ())
        .await
        .unwrap();
    let months_later = now().plus(Duration::from_hours(24 * 90));
    store.messages.sweep(months_later).await.unwrap();
    assert_eq!(store.db.scans().await.unwrap(), Vec::<String>::new());
    assert_eq!(store.db.sorts().await.unwrap(), Vec::<String>::new());
}
