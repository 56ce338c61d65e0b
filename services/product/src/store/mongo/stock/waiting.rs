//! Those who want to write stock: one transaction at a time in this process, which takes along what waits.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use store_kit::StoreError;
use tokio::sync::{Mutex as Turn, MutexGuard, oneshot};

use super::Heard;

/// The most messages of one transaction: bounds how long it takes, and what is done again if it meets another one.
const MOST: usize = 64;

type Done = Result<(), StoreError>;

/// A message, and who waits for it.
struct Waiter {
    heard: Heard,
    done: oneshot::Sender<Done>,
}

/// The messages that wait, and whose turn it is. There are never more than callers: each adds its own message.
#[derive(Default)]
pub(in crate::store::mongo) struct Waiting {
    line: Mutex<VecDeque<Waiter>>,
    turn: Turn<()>,
}

impl Waiting {
    /// Waits until nobody else of this process writes stock.
    pub(in crate::store::mongo) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Has a message done by `work`, together with those that wait at the same time.
    ///
    /// Whoever gets the turn works for the others too. If it is dropped meanwhile, they line up again: whether their messages
    /// are done is then for the inbox to say.
    pub(in crate::store::mongo) async fn have_done<W, F>(&self, heard: Heard, work: W) -> Done
    where
        W: Fn(Vec<Heard>) -> F,
        F: Future<Output = Done>,
    {
        loop {
            let mut done = self.line_up(heard.clone());
            let told = tokio::select! {
                biased;
                told = &mut done => told,
                _turn = self.turn() => {
                    while done.is_empty() && self.work_off(&work).await {}
                    done.await
                }
            };
            if let Ok(told) = told {
                return told;
            }
        }
    }

    fn line_up(&self, heard: Heard) -> oneshot::Receiver<Done> {
        let (done, receiver) = oneshot::channel();
        self.lock().push_back(Waiter { heard, done });
        receiver
    }

    /// Does the messages that have waited longest; `false` if none waits.
    async fn work_off<F>(&self, work: &impl Fn(Vec<Heard>) -> F) -> bool
    where
        F: Future<Output = Done>,
    {
        let waiters: Vec<Waiter> = {
            let mut line = self.lock();
            // Nobody waits for the answer any more: the message comes again.
            line.retain(|waiter| !waiter.done.is_closed());
            let first = line.len().min(MOST);
            line.drain(..first).collect()
        };
        if waiters.is_empty() {
            return false;
        }
        let heard: Vec<Heard> = waiters.iter().map(|waiter| waiter.heard.clone()).collect();
        match work(heard).await {
            // One message that the store does not take must not stop the others: each gets a transaction of its own.
            Err(error) if !error.is_away() && waiters.len() > 1 => {
                for waiter in waiters {
                    let done = work(vec![waiter.heard]).await;
                    let _gone = waiter.done.send(done);
                }
            }
            done => {
                for waiter in waiters {
                    let _gone = waiter.done.send(done.clone());
                }
            }
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Waiter>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use contracts::{OrderId, Timestamp};
    use futures_util::future::join_all;
    use futures_util::poll;
    use service_kit::Context;

    use super::*;
    use crate::store::StockCommand;

    fn heard(id: usize) -> Heard {
        let now = Timestamp::from_unix_millis(1);
        Heard {
            message_id: id.to_string(),
            command: StockCommand::Commit(OrderId::at(now)),
            context: Context {
                now,
                traceparent: None,
            },
        }
    }

    /// Notes how many messages each transaction takes.
    #[derive(Default)]
    struct Sizes(Mutex<Vec<usize>>);

    impl Sizes {
        async fn note(&self, heard: Vec<Heard>, done: Done) -> Done {
            self.0.lock().unwrap().push(heard.len());
            tokio::task::yield_now().await;
            done
        }
    }

    #[tokio::test]
    async fn those_who_wait_are_done_together_but_never_too_many_at_once() {
        let (waiting, sizes) = (Waiting::default(), Sizes::default());
        let all =
            (0..200).map(|id| waiting.have_done(heard(id), |heard| sizes.note(heard, Ok(()))));
        for done in join_all(all).await {
            done.unwrap();
        }
        let sizes = sizes.0.into_inner().unwrap();
        assert_eq!(sizes.iter().sum::<usize>(), 200);
        assert_eq!(sizes.iter().max(), Some(&MOST));
        assert!(sizes.len() <= 6, "{sizes:?}");
    }

    #[tokio::test]
    async fn what_the_store_does_not_take_is_refused_alone() {
        let waiting = Waiting::default();
        let work = async |heard: Vec<Heard>| {
            tokio::task::yield_now().await;
            if heard.iter().any(|heard| heard.message_id == "3") {
                Err(StoreError::broken("not this one"))
            } else {
                Ok(())
            }
        };
        let all = (0..10).map(|id| waiting.have_done(heard(id), work));
        let done = join_all(all).await;
        let refused = done.iter().map(Result::is_err);
        assert_eq!(
            refused.collect::<Vec<_>>(),
            (0..10).map(|id| id == 3).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn a_store_that_is_away_is_not_asked_once_for_each() {
        let (waiting, sizes) = (Waiting::default(), Sizes::default());
        let away = || Err(StoreError::away("gone"));
        let all = (0..10).map(|id| waiting.have_done(heard(id), |heard| sizes.note(heard, away())));
        for done in join_all(all).await {
            assert!(done.unwrap_err().is_away());
        }
        assert!(sizes.0.into_inner().unwrap().len() <= 2);
    }

    #[tokio::test]
    async fn those_whose_worker_goes_away_line_up_again() {
        let (waiting, done) = (Waiting::default(), AtomicUsize::new(0));
        let mut stuck = Box::pin(waiting.have_done(heard(0), |_| std::future::pending()));
        let count = async |heard: Vec<Heard>| {
            done.fetch_add(heard.len(), Ordering::Relaxed);
            Ok(())
        };
        let mut other = pin!(waiting.have_done(heard(1), count));
        assert!(poll!(&mut other).is_ready());
        let mut behind = pin!(waiting.have_done(heard(2), count));
        let turn = waiting.turn().await;
        assert!(poll!(&mut stuck).is_pending());
        assert!(poll!(&mut behind).is_pending());
        drop(turn);
        // The first one takes the turn, and the message of the other with it.
        assert!(poll!(&mut stuck).is_pending());
        assert!(poll!(&mut behind).is_pending());
        drop(stuck);
        behind.await.unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }
}
