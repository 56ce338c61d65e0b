//! Lists and streams.

use std::sync::Arc;
use std::time::Duration;

use contracts::{EventType, NotificationId, UserId};
use notification::store::{Notification, NotificationStore};
use serde_json::json;
use testkit::wait;

use crate::contract::Fixture;
use crate::samples;

pub async fn a_list_is_newest_first_and_goes_on_where_it_ended(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    fixture.take_in(1, samples::placed(ada)).await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let all = fixture.list(ada).await;
    assert_eq!(
        all[0],
        Notification {
            id: all[0].id,
            stream_seq: 3,
            event_type: EventType::OrderConfirmed,
            title: "Order K7Q2-41ZD confirmed".to_owned(),
            body: "Everything is reserved for you, and we will send it soon.".to_owned(),
            data: json!({"order_id": "ord_019abcde000070008000000000000002", "order_number": "K7Q2-41ZD"}),
            created_at: samples::start(),
            read_at: None,
        }
    );
    let page = async |before| {
        let page = fixture.store.notifications(ada, false, before, 2).await;
        page.unwrap()
    };
    assert_eq!(page(None).await, all[..2]);
    assert_eq!(page(Some(all[1].stream_seq)).await, all[2..]);
}

pub async fn what_was_read_keeps_its_time_and_is_not_listed_as_unread(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    fixture.take_in(1, samples::placed(ada)).await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let id = fixture.list(ada).await[1].id;
    let read_at = fixture.now();
    let (store, clock) = (&fixture.store, &fixture.clock);
    assert!(store.mark_read(ada, id, read_at).await.unwrap());
    clock.advance(Duration::from_secs(1));
    assert!(store.mark_read(ada, id, fixture.now()).await.unwrap());
    let unread = store.notifications(ada, true, None, 10).await.unwrap();
    let numbers: Vec<_> = unread.iter().map(|told| told.stream_seq).collect();
    assert_eq!(numbers, [3, 1]);
    assert_eq!(store.count_unread(ada).await.unwrap(), 2);
    store.mark_all_read(ada, fixture.now()).await.unwrap();
    assert_eq!(store.count_unread(ada).await.unwrap(), 0);
    let times: Vec<_> = fixture
        .list(ada)
        .await
        .iter()
        .map(|told| told.read_at)
        .collect();
    let (now, earlier) = (Some(fixture.now()), Some(read_at));
    assert_eq!(times, [now, earlier, now]);
}

pub async fn somebody_elses_notification_is_not_there(fixture: Fixture) {
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    let id = fixture.list(ada).await[0].id;
    let store = &fixture.store;
    assert!(!store.mark_read(bob, id, fixture.now()).await.unwrap());
    let unknown = NotificationId::at(fixture.now());
    assert!(!store.mark_read(bob, unknown, fixture.now()).await.unwrap());
    store.mark_all_read(bob, fixture.now()).await.unwrap();
    assert_eq!(fixture.list(ada).await[0].read_at, None);
    assert_eq!(fixture.titles(bob).await, ["Welcome, Bob"]);
}

pub async fn a_stream_goes_on_after_any_of_its_numbers(fixture: Fixture) {
    let ada = fixture.customer("Ada").await;
    fixture.customer("Bob").await;
    fixture.take_in(1, samples::placed(ada)).await;
    fixture.take_in(2, samples::confirmed(ada)).await;
    let after = async |number, limit| -> Vec<i64> {
        let read = fixture
            .store
            .stream_after(ada, number, limit)
            .await
            .unwrap();
        read.iter().map(|told| told.stream_seq).collect()
    };
    assert_eq!(after(0, 10).await, [1, 2, 3]);
    assert_eq!(after(1, 1).await, [2]);
    assert_eq!(after(3, 10).await, [0_i64; 0]);
    assert_eq!(after(i64::MAX, 10).await, [0_i64; 0]);
    let stranger = contracts::UserId::at(fixture.now());
    assert_eq!(fixture.store.stream_end(stranger).await.unwrap(), 0);
}

pub async fn news_names_each_account_once_and_moves_on(fixture: Fixture) {
    let store = &fixture.store;
    let start = store.last_position().await.unwrap();
    assert_eq!(store.news_after(start, 10).await.unwrap().accounts, []);
    let (ada, bob) = (fixture.customer("Ada").await, fixture.customer("Bob").await);
    fixture.take_in(1, samples::placed(ada)).await;
    let mut accounts = vec![ada, bob];
    accounts.sort_unstable();
    let news = store.news_after(start, 10).await.unwrap();
    assert_eq!(news.accounts, accounts);
    // Row by row.
    let mut told = named_until_silent(store, start, 1).await;
    told.dedup();
    assert_eq!(told, [ada, bob, ada]);
    // A store may name an account again until nothing can come before its row any more.
    named_until_silent(store, news.position, 10).await;
    let end = store.last_position().await.unwrap();
    assert_eq!(store.news_after(end, 10).await.unwrap().accounts, []);
}

/// The accounts that are named from a position on, until nobody is.
async fn named_until_silent(
    store: &Arc<dyn NotificationStore>,
    mut position: i64,
    limit: u32,
) -> Vec<UserId> {
    let naming = async {
        let mut named = Vec::new();
        loop {
            let news = store.news_after(position, limit).await.unwrap();
            if news.accounts.is_empty() {
                return named;
            }
            named.extend(news.accounts);
            position = news.position;
        }
    };
    let named = tokio::time::timeout(wait::PATIENCE, naming).await;
    named.unwrap()
}
