//! The PostgreSQL store keeps the contract, and what only a server can do to it.

use std::sync::Arc;

use contracts::ManualClock;
use messaging::postgres::PostgresMessages;
use notification::store::postgres::PostgresNotifications;
use notification::store::{DeliveryFilter, Recorded, TakenIn, Tried};
use service_kit::settings::StoreSettings;
use testkit::chaos::Proxy;
use testkit::isolated::{PostgresDatabase, postgres_database};
use testkit::wait;

use crate::contract::{Fixture, whole_contract};
use crate::samples;

fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        ..StoreSettings::default()
    }
}

async fn fixture() -> Fixture {
    let place = postgres_database().await.unwrap();
    let url = place.url().to_owned();
    through(&url, Box::new(place)).await
}

/// The URL of a database that was migrated.
pub async fn migrated(place: &PostgresDatabase) -> String {
    PostgresNotifications::migrate(&settings(place.url()))
        .await
        .unwrap();
    place.url().to_owned()
}

/// A new store; `guard` keeps what the URL names.
async fn through(url: &str, guard: testkit::contract::Guard) -> Fixture {
    let settings = settings(url);
    PostgresNotifications::migrate(&settings).await.unwrap();
    let open = async || PostgresNotifications::open(&settings).await.unwrap();
    let (store, other) = (open().await, open().await);
    let outbox = PostgresMessages::new(store.database().clone());
    Fixture {
        store: Arc::new(store),
        other: Arc::new(other),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(samples::start()),
        _guard: guard,
    }
}

whole_contract!(fixture);

/// What a replica that is slow to commit has written already.
const SLOW: &str = "INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, created_at) \
     VALUES ('slow', $1, 2, 'slow', 'order.placed.v1', '', '', '{}', '{}', 0)";

#[tokio::test]
async fn who_tails_the_table_hears_of_what_was_written_first_and_committed_last() {
    let place = postgres_database().await.unwrap();
    let fixture = through(place.url(), Box::new(())).await;
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    let other = sqlx::PgPool::connect(place.url()).await.unwrap();
    let mut slow = other.begin().await.unwrap();
    let writing = sqlx::query(SLOW).bind(ada.to_string());
    writing.execute(&mut *slow).await.unwrap();
    let start = fixture.store.last_position().await.unwrap();
    fixture.take_in(2, samples::confirmed(bob)).await;
    let news = fixture.store.news_after(start, 10).await.unwrap();
    // At once. Others too, if a transaction of another test was going on at the start: the server counts those of all
    // databases.
    assert!(news.accounts.contains(&bob), "{news:?}");
    slow.commit().await.unwrap();
    let news = fixture.store.news_after(news.position, 10).await.unwrap();
    assert!(news.accounts.contains(&ada), "{news:?}");
    other.close().await;
}

#[tokio::test]
async fn an_event_whose_commit_was_not_heard_of_is_told_once_when_it_comes_again() {
    let place = postgres_database().await.unwrap();
    let proxy = Proxy::before(place.url()).await.unwrap();
    let fixture = through(&proxy.url(), Box::new(())).await;
    let ada = fixture.customer("Ada").await;
    let event = samples::event(2, samples::confirmed(ada));
    // It is one statement, which commits by itself; only its values name the order.
    let cut = proxy.cut_reply_after(b"order_number");
    fixture.try_take_in(&event).await.unwrap_err();
    cut.done().await.unwrap();
    let again = fixture.try_take_in(&event).await.unwrap();
    assert_eq!(again, TakenIn::Repeated);
    let titles = fixture.titles(ada).await;
    assert_eq!(titles, ["Welcome, Ada", "Order K7Q2-41ZD confirmed"]);
}

#[tokio::test]
async fn a_record_whose_commit_was_not_heard_of_is_known_for_ones_own_and_told_once() {
    let place = postgres_database().await.unwrap();
    let proxy = Proxy::before(place.url()).await.unwrap();
    let fixture = through(&proxy.url(), Box::new(())).await;
    fixture.customer("Ada").await;
    let claimed = fixture.claim().await;
    let tries = || vec![claimed[0].came_to(Tried::Sent)];
    // Only what is told about it names this type.
    let cut = proxy.cut_reply_after(b"notification.delivered.v1");
    let recording = fixture.store.record(tries(), fixture.context());
    recording.await.unwrap_err();
    cut.done().await.unwrap();
    let again = fixture.store.record(tries(), fixture.context()).await;
    assert_eq!(again.unwrap(), [Recorded::Before]);
    assert_eq!(fixture.events().await.len(), 1);
}

/// What a claim does to a delivery whose lease has ended.
const TAKE_OVER: &str =
    "UPDATE deliveries SET attempts = attempts + 1, due_at = due_at + 60000 WHERE id = $1";

/// What a record does to a delivery that was sent.
const END: &str = "UPDATE deliveries SET state = 'sent', due_at = NULL WHERE id = $1";

/// How many statements wait for somebody else's lock in this database.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[tokio::test]
async fn a_record_that_meets_another_replica_at_its_delivery_says_what_that_one_did() {
    let place = postgres_database().await.unwrap();
    let fixture = through(place.url(), Box::new(())).await;
    let other = sqlx::PgPool::connect(place.url()).await.unwrap();
    for (at_it, expected) in [(TAKE_OVER, Recorded::TakenOver), (END, Recorded::Before)] {
        fixture.customer("Ada").await;
        let claimed = fixture.claim().await.remove(0);
        let mut transaction = other.begin().await.unwrap();
        let writing = sqlx::query(at_it).bind(claimed.id.to_string());
        writing.execute(&mut *transaction).await.unwrap();
        let recording = fixture.record(&claimed, Tried::Sent);
        let meanwhile = async {
            wait::until("the record to wait for the other", || async {
                let locked_out: i64 = sqlx::query_scalar(WAITING).fetch_one(&other).await?;
                Ok((locked_out == 1).then_some(()))
            })
            .await
            .unwrap();
            transaction.commit().await.unwrap();
        };
        let (recorded, ()) = tokio::join!(recording, meanwhile);
        assert_eq!(recorded, expected, "{at_it}");
    }
    assert_eq!(fixture.events().await, [], "nothing was told");
    other.close().await;
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_holds_up_no_other() {
    let place = postgres_database().await.unwrap();
    let fixture = through(place.url(), Box::new(())).await;
    let ada = fixture.customer("Ada").await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let welcome = fixture
        .deliveries(DeliveryFilter::default())
        .await
        .remove(1);
    let other = sqlx::PgPool::connect(place.url()).await.unwrap();
    let spoil = sqlx::query("UPDATE deliveries SET type = 'order.eaten.v9' WHERE id = $1");
    let spoil = spoil.bind(welcome.id.to_string()).execute(&other);
    spoil.await.unwrap();
    other.close().await;
    let titles = fixture
        .claim()
        .await
        .into_iter()
        .map(|claimed| claimed.title);
    assert_eq!(titles.collect::<Vec<_>>(), ["Order K7Q2-41ZD confirmed"]);
}
