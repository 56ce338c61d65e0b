//! What every broker promises. A broker passes by naming itself in `broker_contract!`.

mod dead_letters;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::EventType;
use contracts::topology::Binding;
use messaging::{Broker, BrokerError, Delivery, Subscription};

use crate::fixtures::{cancel_requested, ids, message_of, messages, sorted, unheard};
pub use crate::poison::a_message_that_kills_the_process_takes_no_other_into_the_dead_letters;
pub use dead_letters::*;

/// A broker to try, on storage of its own.
#[async_trait]
pub trait Bench: Send + Sized {
    /// An empty one.
    async fn fresh() -> Self;
    /// The broker.
    fn broker(&self) -> Arc<dyn Broker>;
    /// Ends it as a power cut would, and starts it on what it left behind.
    async fn crash(self) -> Self;
}

pub const A: &str = "alpha.orders";
const B: &str = "beta.orders";

const BINDINGS: &[Binding] = &[
    Binding {
        queue: A,
        types: &[EventType::OrderCancelRequested],
    },
    Binding {
        queue: B,
        types: &[
            EventType::OrderCancelRequested,
            EventType::NotificationDelivered,
        ],
    },
];

macro_rules! broker_contract {
    ($bench:ty) => {
        crate::broker_contract::broker_contract!($bench:
            a_message_reaches_every_queue_bound_to_its_type_with_all_its_attributes,
            publish_tells_which_messages_reached_a_queue,
            declaring_twice_does_not_deliver_twice,
            what_is_acknowledged_does_not_come_again_after_a_crash,
            what_is_not_acknowledged_comes_again_after_a_crash,
            a_delivery_that_is_dropped_comes_again,
            a_message_that_is_published_twice_comes_twice,
            consumers_of_one_queue_share_its_messages,
            no_more_than_the_prefetch_is_in_hand,
            a_waiting_consumer_is_woken_by_a_publish,
            giving_up_waiting_loses_nothing,
            many_publishers_and_consumers_lose_and_double_nothing,
            a_message_that_is_handed_out_too_often_becomes_a_dead_letter,
            a_message_that_is_given_up_becomes_a_dead_letter_at_once,
            a_dead_letter_that_is_given_up_stays_one,
            a_dead_letter_that_comes_again_and_again_holds_up_no_other,
            a_message_that_kills_the_process_takes_no_other_into_the_dead_letters,
            a_closed_broker_says_so,
        );
    };
    ($bench:ty: $($test:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let bench = <$bench as crate::broker_contract::Bench>::fresh().await;
                crate::broker_contract::$test(bench).await;
            }
        )+
    };
}
pub(crate) use broker_contract;

pub async fn declared(bench: &impl Bench) -> Arc<dyn Broker> {
    let broker = bench.broker();
    broker.declare(BINDINGS).await.unwrap();
    broker
}

pub async fn next(subscription: &mut Subscription) -> Delivery {
    let patience = Duration::from_mins(1);
    tokio::time::timeout(patience, subscription.next())
        .await
        .expect("a delivery comes")
        .unwrap()
}

/// Proves that a queue holds nothing else: what is published now comes next.
pub async fn assert_drained(broker: &Arc<dyn Broker>, subscription: &mut Subscription) {
    let marker = message_of(&cancel_requested());
    broker.publish(vec![marker.clone()]).await.unwrap();
    assert_eq!(next(subscription).await.message, marker);
}

pub async fn a_message_reaches_every_queue_bound_to_its_type_with_all_its_attributes(
    bench: impl Bench,
) {
    let broker = declared(&bench).await;
    let sent = message_of(&cancel_requested());
    broker.publish(vec![sent.clone()]).await.unwrap();
    for queue in [A, B] {
        let mut subscription = broker.subscribe(queue, 10).await.unwrap();
        let delivery = next(&mut subscription).await;
        assert_eq!(
            (&delivery.message, delivery.queue.as_str(), delivery.attempt),
            (&sent, queue, 1)
        );
        assert!(delivery.ack().await.unwrap());
    }
}

pub async fn publish_tells_which_messages_reached_a_queue(bench: impl Bench) {
    let broker = declared(&bench).await;
    let (heard, unheard) = (message_of(&cancel_requested()), message_of(&unheard()));
    let reached = broker
        .publish(vec![heard.clone(), unheard])
        .await
        .unwrap()
        .reached;
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [heard.id]);
}

pub async fn declaring_twice_does_not_deliver_twice(bench: impl Bench) {
    let broker = declared(&bench).await;
    broker.declare(BINDINGS).await.unwrap();
    let sent = messages(2);
    broker.publish(sent.clone()).await.unwrap();
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    let first = next(&mut subscription).await;
    let second = next(&mut subscription).await;
    assert_eq!(
        sorted(vec![first.message.id.clone(), second.message.id.clone()]),
        sorted(ids(&sent))
    );
    assert_drained(&broker, &mut subscription).await;
}

pub async fn what_is_acknowledged_does_not_come_again_after_a_crash(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = messages(3);
    broker.publish(sent.clone()).await.unwrap();
    let mut subscription = broker.subscribe(A, 1).await.unwrap();
    let first = next(&mut subscription).await;
    let acknowledged = first.message.id.clone();
    assert!(first.ack().await.unwrap());

    let bench = bench.crash().await;
    let mut subscription = bench.broker().subscribe(A, 10).await.unwrap();
    let rest = [next(&mut subscription).await, next(&mut subscription).await];
    let mut seen: Vec<_> = rest.iter().map(|d| d.message.id.clone()).collect();
    seen.push(acknowledged);
    assert_eq!(sorted(seen), sorted(ids(&sent)));
}

pub async fn what_is_not_acknowledged_comes_again_after_a_crash(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = message_of(&cancel_requested());
    broker.publish(vec![sent.clone()]).await.unwrap();
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    let in_hand = next(&mut subscription).await;

    let bench = bench.crash().await;
    let mut subscription = bench.broker().subscribe(A, 10).await.unwrap();
    let again = next(&mut subscription).await;
    assert_eq!((&again.message, again.attempt), (&sent, 2));
    drop(in_hand);
}

pub async fn a_delivery_that_is_dropped_comes_again(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = message_of(&cancel_requested());
    broker.publish(vec![sent.clone()]).await.unwrap();
    let mut subscription = broker.subscribe(A, 1).await.unwrap();
    drop(next(&mut subscription).await);
    let again = next(&mut subscription).await;
    assert_eq!(again.message, sent);
    assert!(again.ack().await.unwrap());
    assert_drained(&broker, &mut subscription).await;
}

pub async fn a_message_that_is_published_twice_comes_twice(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = message_of(&cancel_requested());
    // As a relay does that died between publishing and stamping.
    broker.publish(vec![sent.clone()]).await.unwrap();
    broker.publish(vec![sent.clone()]).await.unwrap();
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    for _ in 0..2 {
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.message.id, sent.id);
        assert!(delivery.ack().await.unwrap());
    }
    assert_drained(&broker, &mut subscription).await;
}

pub async fn consumers_of_one_queue_share_its_messages(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = messages(4);
    broker.publish(sent.clone()).await.unwrap();
    let mut one = broker.subscribe(A, 2).await.unwrap();
    let mut other = broker.subscribe(A, 2).await.unwrap();
    let in_hand = [
        next(&mut one).await,
        next(&mut other).await,
        next(&mut one).await,
        next(&mut other).await,
    ];
    let seen = in_hand.iter().map(|d| d.message.id.clone()).collect();
    assert_eq!(sorted(seen), sorted(ids(&sent)));
}

pub async fn no_more_than_the_prefetch_is_in_hand(bench: impl Bench) {
    let broker = declared(&bench).await;
    broker.publish(messages(3)).await.unwrap();
    let mut subscription = broker.subscribe(A, 2).await.unwrap();
    let first = next(&mut subscription).await;
    let _second = next(&mut subscription).await;
    let patience = Duration::from_millis(100);
    let third = tokio::time::timeout(patience, subscription.next()).await;
    assert!(third.is_err(), "the third waits for an acknowledgement");
    assert!(first.ack().await.unwrap());
    next(&mut subscription).await;
}

pub async fn a_waiting_consumer_is_woken_by_a_publish(bench: impl Bench) {
    let broker = declared(&bench).await;
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    for sent in messages(5) {
        let publishing = async {
            tokio::task::yield_now().await;
            broker.publish(vec![sent.clone()]).await.unwrap()
        };
        let (delivery, reached) = tokio::join!(next(&mut subscription), publishing);
        assert_eq!(delivery.message, sent);
        assert_eq!(reached.reached.into_iter().collect::<Vec<_>>(), [sent.id]);
        assert!(delivery.ack().await.unwrap());
    }
}

pub async fn giving_up_waiting_loses_nothing(bench: impl Bench) {
    let broker = declared(&bench).await;
    let sent = messages(20);
    let mut subscription = broker.subscribe(A, 100).await.unwrap();
    let mut seen = Vec::new();
    let publishing = async {
        for message in sent.clone() {
            broker.publish(vec![message]).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    tokio::pin!(publishing);
    while seen.len() < sent.len() {
        // Dropped at every point it can wait at, over and over.
        tokio::select! {
            biased;
            delivery = subscription.next() => {
                let delivery = delivery.unwrap();
                seen.push(delivery.message.id.clone());
                assert!(delivery.ack().await.unwrap());
            }
            () = &mut publishing => {}
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    assert_eq!(sorted(seen), sorted(ids(&sent)));
}

pub async fn many_publishers_and_consumers_lose_and_double_nothing(bench: impl Bench) {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 100;
    let broker = declared(&bench).await;
    let (seen, mut arrived) = tokio::sync::mpsc::channel(PUBLISHERS * EACH);
    for _ in 0..4 {
        let mut subscription = broker.subscribe(A, 32).await.unwrap();
        let seen = seen.clone();
        tokio::spawn(async move {
            loop {
                let Ok(delivery) = subscription.next().await else {
                    return;
                };
                let seen = seen.clone();
                tokio::spawn(async move {
                    seen.send(delivery.message.id.clone()).await.unwrap();
                    assert!(delivery.ack().await.unwrap());
                });
            }
        });
    }
    let mut sent = Vec::new();
    for _ in 0..PUBLISHERS {
        let batch = messages(EACH);
        sent.extend(ids(&batch));
        let broker = Arc::clone(&broker);
        tokio::spawn(async move {
            for chunk in batch.chunks(10) {
                broker.publish(chunk.to_vec()).await.unwrap();
            }
        });
    }
    let mut all = Vec::new();
    while all.len() < sent.len() {
        all.push(arrived.recv().await.unwrap());
    }
    let distinct: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(distinct.len(), all.len(), "nothing came twice");
    assert_eq!(sorted(all), sorted(sent));
}

pub async fn a_closed_broker_says_so(bench: impl Bench) {
    let broker = declared(&bench).await;
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    broker.close().await;
    assert!(broker.publish(messages(1)).await.is_err());
    let waiting: Result<Delivery, BrokerError> = subscription.next().await;
    assert!(waiting.is_err());
}
