//! The messaging tables in a PostgreSQL store keep every store's promises, also with several replicas on one database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use messaging::postgres::{self, PostgresMessages};
use messaging::{DeferredStore as _, MessageStore, OutboxStats, OutboxStore as _};
use postgres_store::{Database, Migration, Schema, idempotency};
use service_kit::settings::StoreSettings;
use store_kit::StoreError;
use testkit::isolated::{PostgresDatabase, postgres_database};

use crate::fixtures::{TRACEPARENT, cancel_requested, ids, message_of, messages, now, sorted};
use crate::store_contract::{Bench, store_contract};

static SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: postgres::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: idempotency::SCHEMA_SQL,
            min_binary: 1,
        },
    ],
};

/// A service's store.
pub struct Store {
    db: Database,
    place: PostgresDatabase,
}

impl Store {
    /// As another replica of the service has it: with connections of its own.
    async fn replica(&self) -> PostgresMessages {
        let settings = settings(&self.place);
        PostgresMessages::new(Database::open(&settings, &SCHEMA).await.unwrap())
    }
}

fn settings(place: &PostgresDatabase) -> StoreSettings {
    StoreSettings {
        url: place.url().to_owned(),
        ..StoreSettings::default()
    }
}

#[async_trait]
impl Bench for Store {
    async fn fresh() -> Self {
        let place = postgres_database().await.unwrap();
        let settings = settings(&place);
        Database::migrate(&settings, &SCHEMA).await.unwrap();
        let db = Database::open(&settings, &SCHEMA).await.unwrap();
        Self { db, place }
    }

    fn store(&self) -> Arc<dyn MessageStore> {
        Arc::new(PostgresMessages::new(self.db.clone()))
    }

    async fn append(&self, event: &Event) {
        let appended = self.db.transact(event, |connection, event| {
            Box::pin(postgres::append_outbox(
                connection,
                event,
                Some(TRACEPARENT),
            ))
        });
        appended.await.unwrap();
    }

    async fn first_delivery(&self, consumer: &'static str, id: &str, at: Timestamp) -> bool {
        let received = self.db.transact(id, |connection, id| {
            Box::pin(postgres::first_delivery(connection, consumer, id, at))
        });
        received.await.unwrap()
    }

    async fn refuse(&self, id: Option<&str>) {
        let sql = match id {
            Some(id) => {
                format!("ALTER TABLE deferred ADD CONSTRAINT refuse CHECK (id <> '{id}')")
            }
            None => "ALTER TABLE deferred DROP CONSTRAINT refuse".to_owned(),
        };
        let changed = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        changed.execute(self.db.pool()).await.unwrap();
    }
}

store_contract!(Store);

#[tokio::test]
async fn a_command_that_fails_tells_nothing_and_receives_nothing() {
    let store = Store::fresh().await;
    let event = cancel_requested();
    let failed = store.db.transact(&event, |connection, event| {
        Box::pin(async move {
            assert!(postgres::first_delivery(connection, "one", "evt_1", now()).await?);
            postgres::append_outbox(connection, event, None).await?;
            Err::<(), _>(StoreError::broken("a rule was broken"))
        })
    });
    assert!(failed.await.is_err());
    let stats = store.store().outbox_stats().await.unwrap();
    assert_eq!(stats, OutboxStats::default());
    assert!(store.first_delivery("one", "evt_1", now()).await);
}

#[tokio::test]
async fn events_of_one_command_are_told_in_their_order() {
    let store = Store::fresh().await;
    let events: Vec<_> = (0..20).map(|_| cancel_requested()).collect();
    let appended = store.db.transact(&events, |connection, events| {
        Box::pin(postgres::append_outbox_all(
            connection,
            events,
            Some(TRACEPARENT),
        ))
    });
    appended.await.unwrap();
    let messages = store.store();
    let claimed = messages.claim(99, Duration::from_secs(30), now()).await;
    let expected: Vec<_> = events.iter().map(message_of).collect();
    assert_eq!(claimed.unwrap(), expected);
}

#[tokio::test]
async fn what_one_replica_has_claimed_no_other_is_given() {
    let store = Store::fresh().await;
    for _ in 0..60 {
        store.append(&cancel_requested()).await;
    }
    let deferred = messages(60);
    for message in &deferred {
        let (kept_for, reason) = ("product.orders", "too early");
        store
            .store()
            .defer(kept_for, message.clone(), reason, now())
            .await
            .unwrap();
    }
    let replicas = [store.replica().await, store.replica().await];
    let (mut claimed, mut due) = (Vec::new(), Vec::new());
    loop {
        let at_once = replicas.iter().map(async |replica| {
            let claimed = replica.claim(7, Duration::from_secs(30), now());
            let due = replica.due(now(), 7);
            let (claimed, due) = tokio::join!(claimed, due);
            let due = due.unwrap().into_iter().map(|due| due.message);
            (ids(&claimed.unwrap()), ids(&due.collect::<Vec<_>>()))
        });
        let round = futures_util::future::join_all(at_once).await;
        if round
            .iter()
            .all(|(claimed, due)| claimed.is_empty() && due.is_empty())
        {
            break;
        }
        for (more_claimed, more_due) in round {
            claimed.extend(more_claimed);
            due.extend(more_due);
        }
    }
    let distinct: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((distinct.len(), claimed.len()), (60, 60));
    assert_eq!(sorted(due), sorted(ids(&deferred)));
    // A replica that died gives them back by and by.
    let later = now().plus(Duration::from_mins(2));
    let mut suspects = Vec::new();
    while let Some(suspect) = replicas[0].suspect(later).await.unwrap() {
        suspects.push(suspect.message.id);
    }
    assert_eq!(sorted(suspects), sorted(ids(&deferred)));
}

#[tokio::test]
async fn a_second_delivery_waits_for_the_first_one_to_commit_or_fail() {
    let store = Store::fresh().await;
    for first_fails in [false, true] {
        let id = format!("evt_{first_fails}");
        let receive = async |fails: bool| {
            let input = (&store.db, &id);
            let received = store.db.transact(&input, |connection, (db, id)| {
                Box::pin(async move {
                    let first = postgres::first_delivery(connection, "one", id, now()).await?;
                    if fails {
                        until_one_waits(db).await;
                        return Err(StoreError::broken("a rule was broken"));
                    }
                    Ok(first)
                })
            });
            received.await.ok()
        };
        let received = if first_fails {
            // The one that fails goes first: it waits until the other waits for it.
            let failing = receive(true);
            let second = async {
                until_received(&store.db).await;
                receive(false).await
            };
            tokio::join!(failing, second)
        } else {
            (receive(false).await, receive(false).await)
        };
        let expected = if first_fails {
            (None, Some(true))
        } else {
            (Some(true), Some(false))
        };
        assert_eq!(received, expected);
    }
}

/// Waits until some session of this database waits for another's transaction.
async fn until_one_waits(db: &Database) {
    until_counted(
        db,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .await;
}

/// Waits until some session of this database is in the middle of a transaction that wrote.
async fn until_received(db: &Database) {
    until_counted(
        db,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL",
    )
    .await;
}

async fn until_counted(db: &Database, sql: &'static str) {
    let counting = async {
        while sqlx::query_scalar::<_, i64>(sql)
            .fetch_one(db.pool())
            .await
            .unwrap()
            == 0
        {
            tokio::task::yield_now().await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_mins(1), counting).await;
    counted.unwrap();
}
