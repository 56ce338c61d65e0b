//! What every broker promises about a message that kills the process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use messaging::{DELIVERY_LIMIT, Delivery, Subscription, dead_letters_of};

use crate::broker_contract::{A, Bench, assert_drained, declared, next};
use crate::fixtures::{ids, messages, sorted};

/// A process's life: several hands handle what comes until the message comes that kills it, or `is_over`. Returns what is
/// in hand when it dies; none if it lives.
pub async fn live(
    subscription: &mut Subscription,
    poison: &str,
    mut handled: impl FnMut(String, u32),
    is_over: impl Fn() -> bool,
) -> Option<VecDeque<Delivery>> {
    const HANDS: usize = 8;
    let mut in_hand = VecDeque::new();
    while !is_over() {
        tokio::select! {
            biased;
            delivery = subscription.next(), if in_hand.len() < HANDS => {
                let delivery = delivery.unwrap();
                let is_deadly = delivery.message.id == poison;
                in_hand.push_back(delivery);
                if is_deadly {
                    return Some(in_hand);
                }
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => {
                if let Some(oldest) = in_hand.pop_front() {
                    let (id, attempt) = (oldest.message.id.clone(), oldest.attempt);
                    assert!(oldest.ack().await.unwrap());
                    handled(id, attempt);
                }
            }
        }
    }
    None
}

pub async fn a_message_that_kills_the_process_takes_no_other_into_the_dead_letters(
    mut bench: impl Bench,
) {
    let broker = declared(&bench).await;
    let mut sent = messages(300);
    broker.publish(sent.clone()).await.unwrap();
    let poison = sent.remove(10);
    let handled = Mutex::new(BTreeMap::new());
    let mut deaths = 0;
    let everything = async {
        loop {
            let mut subscription = bench.broker().subscribe(A, 128).await.unwrap();
            let is_over = || handled.lock().unwrap().len() == sent.len();
            let keep = |id, attempt| {
                handled.lock().unwrap().insert(id, attempt);
            };
            let Some(_in_hand) = live(&mut subscription, &poison.id, keep, is_over).await else {
                break bench;
            };
            deaths += 1;
            bench = bench.crash().await;
        }
    };
    let patience = Duration::from_mins(2);
    let bench = tokio::time::timeout(patience, everything).await.unwrap();
    let handled = handled.into_inner().unwrap();
    // What back and forth between consumers costs a message counts too, so the poison may be gone somewhat earlier.
    assert!(
        (DELIVERY_LIMIT / 2..=DELIVERY_LIMIT).contains(&deaths),
        "{deaths}"
    );
    let worst = handled.values().max().unwrap();
    assert!(
        *worst <= DELIVERY_LIMIT / 2,
        "{worst} hand-outs of an innocent"
    );
    assert_eq!(handled.into_keys().collect::<Vec<_>>(), sorted(ids(&sent)));
    let broker = bench.broker();
    let mut dead_letters = broker.subscribe(&dead_letters_of(A), 10).await.unwrap();
    assert_eq!(next(&mut dead_letters).await.message, poison);
    assert_drained(&broker, &mut broker.subscribe(A, 10).await.unwrap()).await;
}
