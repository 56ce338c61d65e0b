//! The recorder on stores that are away, and on real ones that refuse one result among many.

use std::collections::BTreeMap;

use contracts::{
    Clock as _, DeliveryId, Event, EventId, ManualClock, Payload, Role, Timestamp, UserId,
};
use service_kit::Context;
use service_kit::settings::StoreSettings;
use store_kit::StoreError;
use testkit::isolated::postgres_database;
use testkit::wait;

use super::*;
use crate::domain::{Channel, Intake};
use crate::sender::takeover::Terms;
use crate::store::postgres::PostgresNotifications;
use crate::store::sqlite::SqliteNotifications;
use crate::store::{Claimed, DeliveryFilter, TakeIn};

fn terms() -> Terms {
    Terms::new(Duration::from_secs(20), Duration::from_secs(12))
}

#[tokio::test(start_paused = true)]
async fn a_result_is_recorded_however_long_the_store_was_away() {
    let began = Instant::now();
    let mut times = 0;
    let known = Known::nothing_yet(&terms());
    let record = || {
        times += 1;
        let answer = if began.elapsed() < Duration::from_hours(1) {
            Err(StoreFailure(StoreError::away("it is being moved")))
        } else {
            Ok(vec![Recorded::Now])
        };
        async move { answer }
    };
    let recorded = until_answered(record, &known).await;
    assert_eq!(recorded.unwrap(), [Recorded::Now]);
    let waited = began.elapsed();
    assert!(
        waited < Duration::from_hours(1) + LONGEST_PAUSE,
        "{waited:?}"
    );
    assert!(times < 3_700, "asked {times} times");
}

#[test]
fn what_ended_counts_also_if_only_the_reply_was_lost_and_not_if_it_was_another_try_that_ended_it() {
    let delivery = |tried| TriedDelivery {
        id: DeliveryId::at(now()),
        attempt: 1,
        event_id: EventId::at(now()),
        user_id: UserId::at(now()),
        channel: Channel::Email,
        tried,
    };
    let reason = || "no".to_owned();
    let tries = [
        Tried::Sent,
        Tried::Failed { reason: reason() },
        Tried::Later {
            reason: reason(),
            at: now(),
        },
    ];
    let counted = tries.map(|outcome| {
        let delivery = delivery(outcome);
        [Recorded::Now, Recorded::Before, Recorded::TakenOver]
            .map(|recorded| ended(&delivery, recorded))
    });
    let (sent, failed) = (Some(DeliveryState::Sent), Some(DeliveryState::Failed));
    let expected = [[sent, sent, None], [failed, failed, None], [None; 3]];
    assert_eq!(counted, expected);
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

/// When deliveries are due, by their state.
type Log = BTreeMap<&'static str, Vec<Option<Timestamp>>>;

/// A store with deliveries that are claimed, for a recorder to work on.
struct Place {
    store: Arc<dyn NotificationStore>,
    clock: Arc<ManualClock>,
    claimed: Vec<Claimed>,
}

impl Place {
    async fn new(store: Arc<dyn NotificationStore>) -> Self {
        let clock = Arc::new(ManualClock::at(now()));
        for _ in 0..MOST {
            take_in(&*store).await;
        }
        let place = Self {
            store,
            clock,
            claimed: Vec::new(),
        };
        let most = u32::try_from(MOST).unwrap();
        let claimed = place.claim(most).await;
        assert_eq!(claimed.len(), MOST);
        Self { claimed, ..place }
    }

    async fn claim(&self, most: u32) -> Vec<Claimed> {
        let (lease, now) = (terms().lease, self.clock.now());
        let claiming = self
            .store
            .claim(Channel::Email, most, lease, Some(now), now);
        claiming.await.unwrap()
    }

    fn recorder(&self) -> Recorder {
        Recorder {
            store: Arc::clone(&self.store),
            poke: Poke::new(),
            present: Present::new(self.clock.clone()),
            known: Known::nothing_yet(&terms()),
            lease: terms().lease,
            again: Duration::from_millis(20),
        }
    }

    /// The states of the log, and when those that have not ended are due.
    async fn log(&self) -> Log {
        let filter = DeliveryFilter::default();
        let log = self.store.deliveries(filter, None, 1_000).await.unwrap();
        let mut found = Log::new();
        for delivery in log {
            let state = delivery.state.as_str();
            found.entry(state).or_default().push(delivery.due_at);
        }
        found
    }

    /// Waits until one delivery is held for a whole lease, and all others were sent.
    async fn wait_until_all_but_one_are_sent(&self) {
        let held = self.clock.now().plus(terms().lease);
        let expected = BTreeMap::from([
            ("sending", vec![Some(held)]),
            ("sent", vec![None; MOST - 1]),
        ]);
        self.wait_for(expected).await;
    }

    async fn wait_for(&self, expected: Log) {
        wait::until(&format!("the log to be {expected:?}"), || async {
            Ok((self.log().await == expected).then_some(()))
        })
        .await
        .unwrap();
    }

    /// One of the claimed is refused, and `allow` removes the cause: meanwhile the others are recorded, and nobody may take it
    /// over, however long it lasts; afterwards it is recorded as what it was.
    async fn one_is_refused(&self, allow: impl AsyncFn()) {
        let (results, received) = mpsc::channel(MOST);
        for claimed in &self.claimed {
            results.send(claimed.came_to(Tried::Sent)).await.unwrap();
        }
        let rest = async {
            self.wait_until_all_but_one_are_sent().await;
            for _ in 0..3 {
                self.clock.advance(terms().lease * 2 / 3);
                self.wait_until_all_but_one_are_sent().await;
                assert_eq!(self.claim(1).await, []);
            }
            allow().await;
            let all = BTreeMap::from([("sent", vec![None; MOST])]);
            self.wait_for(all).await;
            drop(results);
        };
        tokio::join!(self.recorder().run(received), rest);
    }
}

/// Welcomes somebody new.
async fn take_in(store: &dyn NotificationStore) {
    let user_id = UserId::at(now());
    let registered = contracts::events::user::UserRegistered {
        user_id,
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        roles: vec![Role::Customer],
    };
    let event = Event {
        id: EventId::at(now()),
        occurred_at: now(),
        aggregate_version: 1,
        correlation_id: "test".to_owned(),
        payload: Payload::from(registered),
    };
    let take_in = TakeIn {
        message_id: event.id.to_string(),
        event_id: event.id,
        event_type: event.payload.event_type(),
        payload: event.payload.to_json().unwrap(),
        intake: Intake::of(event),
        channels: vec![(Channel::Email, true)],
    };
    let context = Context {
        now: now(),
        traceparent: None,
    };
    store.take_in(take_in, context).await.unwrap();
}

#[tokio::test]
async fn of_many_results_one_that_sqlite_refuses_is_held_and_the_others_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notification.db");
    let store = SqliteNotifications::open(&path).await.unwrap();
    let place = Place::new(Arc::new(store.clone())).await;
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE UPDATE ON deliveries WHEN NEW.state = 'sent' AND NEW.id = '{}' \
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        place.claimed[17].id
    );
    let execute = async |sql: String| {
        let executing = store.database().write(move |conn| {
            conn.execute_batch(&sql)?;
            Ok::<_, StoreFailure>(())
        });
        executing.await.unwrap();
    };
    execute(refuse).await;
    let allow = async || execute("DROP TRIGGER refuse".to_owned()).await;
    place.one_is_refused(allow).await;
}

#[tokio::test]
async fn of_many_results_one_that_postgresql_refuses_is_held_and_the_others_are_recorded() {
    let database = postgres_database().await.unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    PostgresNotifications::migrate(&settings).await.unwrap();
    let store = PostgresNotifications::open(&settings).await.unwrap();
    let place = Place::new(Arc::new(store.clone())).await;
    let refuse = format!(
        "ALTER TABLE deliveries ADD CONSTRAINT refuse CHECK (state <> 'sent' OR id <> '{}')",
        place.claimed[17].id
    );
    let pool = store.database().pool();
    sqlx::raw_sql(sqlx::AssertSqlSafe(refuse))
        .execute(pool)
        .await
        .unwrap();
    let allow = async || {
        let allow = "ALTER TABLE deliveries DROP CONSTRAINT refuse";
        sqlx::raw_sql(allow).execute(pool).await.unwrap();
    };
    place.one_is_refused(allow).await;
}

/// PostgreSQL has no text with NUL in it: this can never be recorded.
#[tokio::test]
async fn a_result_with_a_value_that_postgresql_does_not_take_keeps_no_other_from_being_recorded() {
    let database = postgres_database().await.unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    PostgresNotifications::migrate(&settings).await.unwrap();
    let store = PostgresNotifications::open(&settings).await.unwrap();
    let place = Place::new(Arc::new(store)).await;
    let (results, received) = mpsc::channel(MOST);
    for (index, claimed) in place.claimed.iter().enumerate() {
        let reason = "no\0".to_owned();
        let tried = if index == 40 {
            Tried::Failed { reason }
        } else {
            Tried::Sent
        };
        results.send(claimed.came_to(tried)).await.unwrap();
    }
    let rest = async {
        place.wait_until_all_but_one_are_sent().await;
        drop(results);
    };
    // It ends with the last result, and does not wait for what is never taken.
    tokio::join!(place.recorder().run(received), rest);
}
