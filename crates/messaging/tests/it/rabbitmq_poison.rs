//! A message that kills one process after another, while others are busy.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use messaging::{Broker as _, DELIVERY_LIMIT, dead_letters_of};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broker_contract::Bench as _;
use crate::fixtures::{ids, messages, until};
use crate::poison::live;
use crate::rabbitmq_bench::{BINDINGS, QUEUE, Rabbit};

/// A replica whose process is started again whenever it dies.
async fn replica(
    mut process: Rabbit,
    poison: String,
    handled: Arc<watch::Sender<BTreeSet<String>>>,
    deaths: Arc<AtomicU32>,
) {
    loop {
        let mut subscription = process.broker.subscribe(QUEUE, 128).await.unwrap();
        let keep = |id, _| {
            handled.send_modify(|handled| {
                handled.insert(id);
            });
        };
        let in_hand = live(&mut subscription, &poison, keep, || false).await;
        deaths.fetch_add(1, Ordering::Relaxed);
        process = process.crash().await;
        drop(in_hand);
    }
}

#[tokio::test]
async fn a_message_that_kills_one_replica_after_another_takes_no_other_into_the_dead_letters() {
    let rabbit = Rabbit::fresh().await;
    rabbit.broker.declare(BINDINGS).await.unwrap();
    let (handled, deaths) = (
        Arc::new(watch::Sender::new(BTreeSet::new())),
        Arc::<AtomicU32>::default(),
    );
    let poison = messages(1);
    let mut replicas = JoinSet::new();
    for _ in 0..3 {
        let (handled, deaths) = (Arc::clone(&handled), Arc::clone(&deaths));
        replicas.spawn(replica(
            rabbit.replica().await,
            ids(&poison).remove(0),
            handled,
            deaths,
        ));
    }
    let sent_so_far = AtomicUsize::new(0);
    let mut sent = BTreeSet::new();
    let mut queue_up = async |count| {
        let batch = messages(count);
        assert_eq!(
            rabbit
                .broker
                .publish(batch.clone())
                .await
                .unwrap()
                .reached
                .len(),
            count
        );
        sent.extend(ids(&batch));
        sent_so_far.store(sent.len(), Ordering::Relaxed);
    };
    queue_up(300).await;
    rabbit.broker.publish(poison.clone()).await.unwrap();
    let dead_letters = dead_letters_of(QUEUE);
    let mut dead_letters = rabbit.broker.subscribe(&dead_letters, 10).await.unwrap();
    let dead = tokio::spawn(async move { dead_letters.next().await.unwrap() });
    // There is always more to do than fits into their hands, until the poison is gone.
    while !dead.is_finished() {
        queue_up(100).await;
        until("most to be handled", async || {
            let is_enough = handled.borrow().len() + 500 > sent_so_far.load(Ordering::Relaxed);
            (is_enough || dead.is_finished()).then_some(())
        })
        .await;
    }
    let dead = dead.await.unwrap();
    assert_eq!(dead.message, poison[0]);
    assert!(dead.ack().await.unwrap());
    until("all others to be handled", async || {
        (*handled.borrow() == sent).then_some(())
    })
    .await;
    let deaths = deaths.load(Ordering::Relaxed);
    assert!((2..=DELIVERY_LIMIT).contains(&deaths), "{deaths}");
    for queue in [QUEUE, &dead_letters_of(QUEUE)] {
        until("the queue to be empty", async || {
            let queue = rabbit.admin().queue(rabbit.vhost.name(), queue).await;
            (queue.unwrap()?.messages == 0).then_some(())
        })
        .await;
    }
}
