//! Messages that the store refuses to keep, beside the promises of every store: dead letters, a full disk, and the end.

use messaging::{Broker as _, DeferredStats, dead_letters_of};
use sqlite_store::StoreError;

use super::{DEFERRED, NOTHING, QUEUE, Service, retry};
use crate::fixtures::{messages, until};
use crate::store_contract::Bench as _;

/// How often a message is tried, deferred or not.
const TRIES: usize = 6;

impl Service {
    /// How many pages the store's file may have; never less than it has. Without a free one SQLite says that the disk is full.
    async fn limit_pages(&self, pages: &str) {
        let limit = format!("PRAGMA max_page_count = {pages}");
        let limited = self.store.db.write(move |connection| {
            connection.execute_batch(&limit)?;
            Ok::<_, StoreError>(())
        });
        limited.await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_waited_for_however_often_it_is_met() {
    let service = Service::new().await;
    let mut sent = messages(1);
    // More than fits into the pages that are there.
    sent[0].body.push_str(&" ".repeat(100_000));
    service.script.says(&sent[0], vec![retry(); 99]);
    service.limit_pages("1").await;
    service.publish(&sent).await;
    service.start();
    service.until_called(TRIES + 2).await;
    service.until_the_broker_holds(1).await;
    assert_eq!(service.stats().await, NOTHING);
    service.limit_pages("1000000").await;
    service.until_stats(DEFERRED).await;
    service.until_the_broker_holds(0).await;
}

#[tokio::test]
async fn a_dead_letter_that_the_store_refuses_keeps_no_other_from_being_parked() {
    let service = Service::new().await;
    let sent = messages(3);
    service.publish(&sent).await;
    let mut subscription = service.broker.subscribe(QUEUE, 3).await.unwrap();
    for _ in &sent {
        let delivery = subscription.next().await.unwrap();
        delivery.give_up().await.unwrap();
    }
    drop(subscription);
    service.store.refuse(Some(&sent[0].id)).await;
    service.start();
    let parked = |parked| DeferredStats {
        deferred: 0,
        parked,
    };
    service.until_stats(parked(2)).await;
    service.until_the_broker_holds(1).await;
    service.store.refuse(None).await;
    service.until_stats(parked(3)).await;
    service.until_the_broker_holds(0).await;
    assert_eq!(service.script.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_service_that_stops_leaves_what_its_store_refuses_to_the_broker() {
    let service = Service::new().await;
    let sent = messages(1);
    service.script.says(&sent[0], vec![retry(); 99]);
    service.store.refuse(Some(&sent[0].id)).await;
    service.publish(&sent).await;
    service.start();
    service.until_called(TRIES).await;
    let path = service.folder.path().join("broker.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    until("the message to be a dead letter", async || {
        let dead = "SELECT count(*) FROM message WHERE queue = ?1";
        let dead = connection.query_row(dead, [dead_letters_of(QUEUE)], |row| row.get::<_, i64>(0));
        (dead.unwrap() == 1).then_some(())
    })
    .await;
    service.life.shut_down().await.unwrap();
    service.until_the_broker_holds(1).await;
}
