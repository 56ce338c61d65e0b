//! What becomes of messages that are given up, or handed out too often.

use std::sync::Arc;

use messaging::{Broker, DELIVERY_LIMIT, DeadLetter, Message, dead_letters_of};

use super::{A, Bench, assert_drained, declared, next};
use crate::fixtures::{cancel_requested, message_of, sorted};

pub async fn a_message_that_is_handed_out_too_often_becomes_a_dead_letter(mut bench: impl Bench) {
    let broker = declared(&bench).await;
    let poison = message_of(&cancel_requested());
    broker.publish(vec![poison.clone()]).await.unwrap();
    for attempt in 1..=DELIVERY_LIMIT {
        let mut subscription = bench.broker().subscribe(A, 10).await.unwrap();
        let delivery = next(&mut subscription).await;
        assert_eq!((&delivery.message, delivery.attempt), (&poison, attempt));
        bench = bench.crash().await;
    }
    let broker = bench.broker();
    let mut subscription = broker.subscribe(A, 10).await.unwrap();
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    let dead = tokio::select! {
        dead = next(&mut dead_letters) => dead,
        delivery = next(&mut subscription) => panic!("handed out again: {:?}", delivery.message),
    };
    assert_eq!((&dead.message, dead.queue.as_str()), (&poison, A));
    assert_eq!(dead.dead_letter, Some(DeadLetter::DeliveryLimit));
    assert!(dead.ack().await.unwrap());

    let unhurt = message_of(&cancel_requested());
    broker.publish(vec![unhurt.clone()]).await.unwrap();
    assert_eq!(next(&mut subscription).await.message, unhurt);
}

/// Gives up a message of A.
async fn given_up(broker: &Arc<dyn Broker>) -> Message {
    let message = message_of(&cancel_requested());
    let mut subscription = broker.subscribe(A, 1).await.unwrap();
    broker.publish(vec![message.clone()]).await.unwrap();
    let delivery = next(&mut subscription).await;
    assert_eq!((&delivery.message, delivery.dead_letter), (&message, None));
    delivery.give_up().await.unwrap();
    message
}

pub async fn a_message_that_is_given_up_becomes_a_dead_letter_at_once(bench: impl Bench) {
    let broker = declared(&bench).await;
    let message = given_up(&broker).await;
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    let dead = next(&mut dead_letters).await;
    assert_eq!(
        (&dead.message, dead.queue.as_str(), dead.dead_letter),
        (&message, A, Some(DeadLetter::GivenUp))
    );
    assert!(dead.ack().await.unwrap());
    assert_drained(&broker, &mut broker.subscribe(A, 10).await.unwrap()).await;
}

pub async fn a_dead_letter_that_is_given_up_stays_one(bench: impl Bench) {
    let broker = declared(&bench).await;
    let message = given_up(&broker).await;
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    for _ in 0..3 {
        let dead = next(&mut dead_letters).await;
        assert_eq!((&dead.message, dead.queue.as_str()), (&message, A));
        dead.give_up().await.unwrap();
    }
    let bench = bench.crash().await;
    let broker = bench.broker();
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    let dead = next(&mut dead_letters).await;
    assert_eq!(
        (&dead.message, dead.queue.as_str(), dead.dead_letter),
        (&message, A, Some(DeadLetter::GivenUp))
    );
}

pub async fn a_dead_letter_that_comes_again_and_again_holds_up_no_other(mut bench: impl Bench) {
    let broker = declared(&bench).await;
    let first = given_up(&broker).await;
    for _ in 0..DELIVERY_LIMIT + 2 {
        let dead_letters = dead_letters_of(A);
        let mut subscription = bench.broker().subscribe(&dead_letters, 10).await.unwrap();
        assert_eq!(next(&mut subscription).await.message, first);
        bench = bench.crash().await;
    }
    let broker = bench.broker();
    let second = given_up(&broker).await;
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    let in_hand = [next(&mut dead_letters).await, next(&mut dead_letters).await];
    let in_hand = in_hand.iter().map(|dead| dead.message.id.clone()).collect();
    assert_eq!(sorted(in_hand), sorted(vec![first.id, second.id]));
}
