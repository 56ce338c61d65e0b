//! The embedded broker keeps every broker's promises, and some of its own.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::EventType;
use contracts::topology::Binding;
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, DELIVERY_LIMIT};
use tempfile::TempDir;

use crate::broker_contract::{Bench, broker_contract};
use crate::fixtures::{ids, messages, until};

struct Embedded {
    folder: TempDir,
    broker: Arc<EmbeddedBroker>,
}

impl Embedded {
    async fn open(folder: TempDir) -> Self {
        let path = folder.path().join("broker.db");
        Self {
            broker: EmbeddedBroker::open(&path).await.unwrap(),
            folder,
        }
    }

    async fn restart(self) -> Self {
        self.broker.close().await;
        Self::open(self.folder).await
    }
}

#[async_trait]
impl Bench for Embedded {
    async fn fresh() -> Self {
        Self::open(tempfile::tempdir().unwrap()).await
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    async fn crash(self) -> Self {
        // The files as they are at this moment are what a killed process leaves behind.
        let left_behind = tempfile::tempdir().unwrap();
        for file in ["broker.db", "broker.db-wal"] {
            std::fs::copy(self.folder.path().join(file), left_behind.path().join(file)).unwrap();
        }
        Self::open(left_behind).await
    }
}

broker_contract!(Embedded);

const QUEUE: &str = "alpha.orders";
const BINDINGS: &[Binding] = &[Binding {
    queue: QUEUE,
    types: &[EventType::OrderCancelRequested],
}];

#[tokio::test]
async fn an_orderly_restart_is_no_messages_fault() {
    let mut bench = Embedded::fresh().await;
    bench.broker.declare(BINDINGS).await.unwrap();
    let sent = messages(1);
    bench.broker.publish(sent.clone()).await.unwrap();
    for _ in 0..DELIVERY_LIMIT + 5 {
        let mut subscription = bench.broker.subscribe(QUEUE, 10).await.unwrap();
        let delivery = subscription.next().await.unwrap();
        assert_eq!((&delivery.message, delivery.attempt), (&sent[0], 1));
        drop((delivery, subscription));
        bench = bench.restart().await;
    }
}

#[tokio::test]
async fn giving_up_waiting_costs_no_message_a_hand_out() {
    let bench = Embedded::fresh().await;
    bench.broker.declare(BINDINGS).await.unwrap();
    let sent = messages(2);
    bench.broker.publish(sent.clone()).await.unwrap();
    let mut subscription = bench.broker.subscribe(QUEUE, 10).await.unwrap();
    for _ in 0..DELIVERY_LIMIT + 5 {
        // Dropped while the file is being read; what the writer was asked for is done behind it.
        drop(futures_util::poll!(Box::pin(subscription.next())));
        bench.broker.declare(BINDINGS).await.unwrap();
    }
    for message in sent {
        let next = tokio::time::timeout(std::time::Duration::from_secs(10), subscription.next());
        let delivery = next.await.expect("it is still in the queue").unwrap();
        assert_eq!((&delivery.message, delivery.attempt), (&message, 1));
        assert!(delivery.ack().await.unwrap());
    }
}

#[tokio::test]
async fn a_message_under_suspicion_behind_others_is_not_forgotten() {
    let bench = Embedded::fresh().await;
    bench.broker.declare(BINDINGS).await.unwrap();
    let sent = messages(3);
    bench.broker.publish(sent.clone()).await.unwrap();
    // A read that was cut short by the end of a process counts rows that nobody took.
    let path = bench.folder.path().join("broker.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute(
            "UPDATE message SET deliveries = 5 WHERE id = ?1",
            [&sent[1].id],
        )
        .unwrap();
    let mut subscription = bench.broker.subscribe(QUEUE, 10).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < sent.len() {
        let next = tokio::time::timeout(std::time::Duration::from_secs(10), subscription.next());
        let delivery = next.await.expect("nothing more is published").unwrap();
        seen.push(delivery.message.id.clone());
        assert!(delivery.ack().await.unwrap());
    }
    assert_eq!(seen, ids(&sent));
}

#[tokio::test]
async fn a_queue_longer_than_what_is_read_at_a_time_is_drained_in_order() {
    let bench = Embedded::fresh().await;
    bench.broker.declare(BINDINGS).await.unwrap();
    let sent = messages(1_000);
    bench.broker.publish(sent.clone()).await.unwrap();
    let mut subscription = bench.broker.subscribe(QUEUE, 1).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < sent.len() {
        let delivery = subscription.next().await.unwrap();
        seen.push(delivery.message.id.clone());
        assert!(delivery.ack().await.unwrap());
    }
    assert_eq!(seen, ids(&sent));
}

#[tokio::test]
async fn what_is_done_leaves_no_row_behind() {
    let bench = Embedded::fresh().await;
    bench.broker.declare(BINDINGS).await.unwrap();
    bench.broker.publish(messages(10)).await.unwrap();
    let mut subscription = bench.broker.subscribe(QUEUE, 10).await.unwrap();
    for _ in 0..10 {
        let delivery = subscription.next().await.unwrap();
        assert!(delivery.ack().await.unwrap());
    }
    let path = bench.folder.path().join("broker.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    until("the rows to be gone", async || {
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM message", [], |row| row.get(0))
            .unwrap();
        (rows == 0).then_some(())
    })
    .await;
}
