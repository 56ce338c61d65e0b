//! The PostgreSQL store keeps the contract, and what only a server can do to it.

use std::sync::Arc;

use contracts::ManualClock;
use messaging::postgres::PostgresMessages;
use notification::store::postgres::PostgresNotifications;
use notification::store::{Recorded, TakenIn, Tried};
use service_kit::settings::StoreSettings;
use testkit::chaos::Proxy;
use testkit::isolated::{PostgresDatabase, postgres_database};

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
