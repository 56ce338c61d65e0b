//! Messages that the store refuses to keep, for good or until somebody mends it: out of the way, and not lost.

use messaging::{Broker as _, ConsumerSettings, DeferredStats, Message, Outcome, dead_letters_of};
use sqlite_store::StoreError;

use super::{Answer, DEFERRED, NOTHING, PARKED, QUEUE, Service, retry};
use crate::fixtures::{ids, messages, until};

/// How often a message is tried, deferred or not.
const TRIES: usize = 6;

impl Service {
    async fn change_the_store(&self, sql: String) {
        let changed = self.store.db.write(move |connection| {
            connection.execute_batch(&sql)?;
            Ok::<_, StoreError>(())
        });
        changed.await.unwrap();
    }

    /// From now on the store refuses to keep this message, as it would one that breaks a rule of its schema.
    async fn refuse(&self, message: &Message) {
        let id = &message.id;
        self.change_the_store(format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON deferred WHEN NEW.id = '{id}'
             BEGIN SELECT RAISE(ABORT, 'refused for good'); END"
        ))
        .await;
    }

    /// How many pages the store's file may have; never less than it has. Without a free one SQLite says that the disk is full.
    async fn limit_pages(&self, pages: &str) {
        self.change_the_store(format!("PRAGMA max_page_count = {pages}"))
            .await;
    }

    async fn refuse_nothing(&self) {
        self.change_the_store("DROP TRIGGER refuse".to_owned())
            .await;
    }
}

async fn a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(answer: Answer) {
    let service = Service::new().await;
    let sent = messages(3);
    service.script.says(&sent[0], vec![answer; 99]);
    service.refuse(&sent[0]).await;
    service.publish(&sent).await;
    service.start_with(ConsumerSettings { concurrency: 1 });
    let calls = service.until_called(TRIES + 2).await;
    let mut expected = vec![sent[0].id.clone(); TRIES];
    expected.extend(ids(&sent[1..]));
    assert_eq!(calls, expected);
    // The broker has it until the store keeps it.
    service.until_the_broker_holds(1).await;
    assert_eq!(service.stats().await, NOTHING);

    service.refuse_nothing().await;
    service.until_stats(PARKED).await;
    service.until_the_broker_holds(0).await;
    let parked = service.parked(&sent[0]).await;
    assert_eq!((&parked.message, parked.queue.as_str()), (&sent[0], QUEUE));
    assert!(parked.reason.starts_with("given_up"), "{}", parked.reason);
    assert_eq!(service.script.calls(), expected);
}

#[tokio::test]
async fn a_message_that_the_store_refuses_to_defer_ends_and_those_behind_it_are_handled() {
    a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(retry()).await;
}

#[tokio::test]
async fn a_message_that_the_store_refuses_to_park_ends_and_those_behind_it_are_handled() {
    let park = Answer::Is(Outcome::Park("unknown order".to_owned()));
    a_message_that_the_store_refuses_ends_and_those_behind_it_are_handled(park).await;
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
    service.refuse(&sent[0]).await;
    service.start();
    let parked = |parked| DeferredStats {
        deferred: 0,
        parked,
    };
    service.until_stats(parked(2)).await;
    service.until_the_broker_holds(1).await;
    service.refuse_nothing().await;
    service.until_stats(parked(3)).await;
    service.until_the_broker_holds(0).await;
    assert_eq!(service.script.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_service_that_stops_leaves_what_its_store_refuses_to_the_broker() {
    let service = Service::new().await;
    let sent = messages(1);
    service.script.says(&sent[0], vec![retry(); 99]);
    service.refuse(&sent[0]).await;
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
