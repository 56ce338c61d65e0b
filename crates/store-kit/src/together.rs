//! Commands that a store does together: a statement costs nearly as much for one as for many.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::StoreError;

/// What became of a batch: an answer for each of its commands, in their order.
type Done<Out> = Result<Vec<Out>, StoreError>;
type Working<Out> = Pin<Box<dyn Future<Output = Done<Out>> + Send>>;
type Work<In, Out> = dyn Fn(Vec<In>) -> Working<Out> + Send + Sync;

/// Has commands done together, as many as wait at the moment; nobody waits for others to come. Clones share the line.
///
/// Batches are done in tasks of their own: a caller that goes away takes no other with it.
pub struct Together<In, Out>(Arc<Inner<In, Out>>);

struct Inner<In, Out> {
    line: Mutex<Line<In, Out>>,
    work: Box<Work<In, Out>>,
    limits: Limits,
}

/// How much is done at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Batches.
    pub batches: usize,
    /// Commands of a batch: bounds how long it takes, and what is done again if it fails.
    pub commands: usize,
}

struct Line<In, Out> {
    waiting: VecDeque<Waiter<In, Out>>,
    batches: usize,
}

struct Waiter<In, Out> {
    command: In,
    done: oneshot::Sender<Result<Out, StoreError>>,
}

impl<In, Out> Together<In, Out>
where
    In: Clone + Send + 'static,
    Out: Send + 'static,
{
    /// Commands that `work` does: all of a batch or, if it fails, none.
    pub fn new<F>(limits: Limits, work: impl Fn(Vec<In>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Done<Out>> + Send + 'static,
    {
        let line = Line {
            waiting: VecDeque::new(),
            batches: 0,
        };
        Self(Arc::new(Inner {
            line: Mutex::new(line),
            work: Box::new(move |commands| Box::pin(work(commands))),
            limits,
        }))
    }

    /// Has a command done, together with those that wait at the same time. If this is dropped before its answer has come, it may
    /// be done all the same.
    #[expect(
        clippy::disallowed_methods,
        reason = "who waits for a batch is tracked; what nobody waits for any more may be cut short"
    )]
    pub async fn have_done(&self, command: In) -> Result<Out, StoreError> {
        let (done, answer) = oneshot::channel();
        let begins = {
            let mut line = self.0.line();
            line.waiting.push_back(Waiter { command, done });
            let begins = line.batches < self.0.limits.batches;
            line.batches += usize::from(begins);
            begins
        };
        if begins {
            let place = Place {
                inner: Arc::clone(&self.0),
                held: true,
            };
            tokio::spawn(place.work_off());
        }
        let lost = |_| {
            Err(StoreError::away(
                "the batch that a command was in was cut short",
            ))
        };
        answer.await.unwrap_or_else(lost)
    }
}

impl<In, Out> Inner<In, Out> {
    fn line(&self) -> MutexGuard<'_, Line<In, Out>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the batches that may be done at the same time: one after the other, as long as somebody waits.
struct Place<In, Out> {
    inner: Arc<Inner<In, Out>>,
    held: bool,
}

impl<In, Out> Place<In, Out>
where
    In: Clone,
{
    async fn work_off(mut self) {
        while let Some(batch) = self.next() {
            self.have_done(batch).await;
        }
    }

    /// Those who have waited longest. If there are none the place is given up before anybody else can line up.
    fn next(&mut self) -> Option<Vec<Waiter<In, Out>>> {
        let mut line = self.inner.line();
        // Whoever has gone does not want it any more.
        line.waiting.retain(|waiter| !waiter.done.is_closed());
        let first = line.waiting.len().min(self.inner.limits.commands);
        if first == 0 {
            line.batches -= 1;
            self.held = false;
            return None;
        }
        Some(line.waiting.drain(..first).collect())
    }

    async fn have_done(&self, batch: Vec<Waiter<In, Out>>) {
        let commands = batch.iter().map(|waiter| waiter.command.clone());
        match self.work(commands.collect()).await {
            Ok(answers) => {
                for (waiter, answer) in batch.into_iter().zip(answers) {
                    let _gone = waiter.done.send(Ok(answer));
                }
            }
            Err(error) if !error.is_away() && batch.len() > 1 => self.have_each_done(batch).await,
            Err(error) => tell(batch, &error),
        }
    }

    /// One command that the store does not take must not stop the others: each is done by itself, unless the store goes away
    /// meanwhile. It is not asked once for each then.
    async fn have_each_done(&self, batch: Vec<Waiter<In, Out>>) {
        let mut rest = batch.into_iter();
        while let Some(Waiter { command, done }) = rest.next() {
            if done.is_closed() {
                continue;
            }
            match self.work(vec![command]).await {
                Ok(mut answers) => {
                    if let Some(answer) = answers.pop() {
                        let _gone = done.send(Ok(answer));
                    }
                }
                Err(error) => {
                    let _gone = done.send(Err(error.clone()));
                    if error.is_away() {
                        return tell(rest, &error);
                    }
                }
            }
        }
    }

    /// A panic is as good as a refusal: the store is not away, and the same commands would panic again.
    async fn work(&self, commands: Vec<In>) -> Done<Out> {
        let work = async { (self.inner.work)(commands).await };
        let done = AssertUnwindSafe(work).catch_unwind().await;
        done.unwrap_or_else(|_| {
            Err(StoreError::broken(
                "the program panicked over a command; see the log",
            ))
        })
    }
}

fn tell<In, Out>(waiters: impl IntoIterator<Item = Waiter<In, Out>>, error: &StoreError) {
    for waiter in waiters {
        let _gone = waiter.done.send(Err(error.clone()));
    }
}

impl<In, Out> Drop for Place<In, Out> {
    /// Cut short by the end of its runtime: whoever waits is told, if nobody else works for them.
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        let mut line = self.inner.line();
        line.batches -= 1;
        if line.batches == 0 {
            line.waiting.clear();
        }
    }
}

impl<In, Out> Clone for Together<In, Out> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<In, Out> fmt::Debug for Together<In, Out> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limits = &self.0.limits;
        formatter
            .debug_struct("Together")
            .field("limits", limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
