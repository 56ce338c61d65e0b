//! An open-loop load: requests are sent at a fixed rate, however long the answers to earlier ones take.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::load::{Connection, Load};

/// The finest period of the runtime's clock; a higher rate sends several requests at a tick.
const FINEST: Duration = Duration::from_millis(1);

/// One answer.
pub struct Answer {
    /// From sending the request to the end of the answer, in milliseconds. The time a request was sent late, because
    /// the load itself had no processor, is not in it.
    pub took_ms: f64,
    /// Its body.
    pub body: Bytes,
}

/// How long a connection may wait and still be used: well below the minute after which a server closes it.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Connections that wait for their next request, and since when.
#[derive(Clone, Default)]
pub struct Idle(Arc<Mutex<Vec<(Connection, Instant)>>>);

impl Idle {
    /// One of them, or a new one to this address.
    pub async fn take(&self, address: &str) -> Result<Connection> {
        // The one that has waited least: if that is too long, so it is for all.
        let waiting = self.waiting().pop();
        match waiting {
            Some((connection, since)) if since.elapsed() < LONGEST_WAIT => Ok(connection),
            _ => Connection::open(address).await,
        }
    }

    /// It waits again.
    pub fn give_back(&self, connection: Connection) {
        self.waiting().push((connection, Instant::now()));
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends the requests with these numbers, `rate` a second, and returns the answers in no order.
pub async fn run(load: &Load, rate: u32, numbers: Range<u64>) -> Result<Vec<Answer>> {
    let idle = Idle::default();
    paced(rate, numbers, |n| send(load.clone(), idle.clone(), n)).await
}

/// Does `one` for each of these numbers, `rate` a second, however long each takes; returns what they gave, in no order.
pub async fn paced<T, F>(rate: u32, numbers: Range<u64>, one: impl Fn(u64) -> F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let period = (Duration::from_secs(1) / rate.max(1)).max(FINEST);
    let at_once = usize::try_from((rate / 1_000).max(1))?;
    let mut ticks = tokio::time::interval(period);
    // A late tick is made up for: the rate is what was asked for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = JoinSet::new();
    let mut done = Vec::new();
    let mut numbers = numbers.into_iter().peekable();
    while numbers.peek().is_some() {
        ticks.tick().await;
        for n in numbers.by_ref().take(at_once) {
            sent.spawn(one(n));
        }
        while let Some(answer) = sent.try_join_next() {
            done.push(answer.context("a request panicked")??);
        }
    }
    while let Some(answer) = sent.join_next().await {
        done.push(answer.context("a request panicked")??);
    }
    Ok(done)
}

async fn send(load: Load, idle: Idle, n: u64) -> Result<Answer> {
    let started = Instant::now();
    let mut connection = idle.take(&load.address).await?;
    let body = connection.send(load.request(n), load.expected).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    idle.give_back(connection);
    Ok(Answer { took_ms, body })
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::requests;
    use crate::upstream::Upstream;

    #[tokio::test]
    async fn requests_go_out_at_the_rate() {
        let upstream = Upstream::start().await.unwrap();
        let load = Load {
            address: upstream.address.to_string(),
            tokens: Arc::default(),
            expected: StatusCode::OK,
            make: requests::list,
        };
        let started = Instant::now();
        let answers = run(&load, 2_000, 0..401).await.unwrap();
        assert_eq!(answers.len(), 401);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}
