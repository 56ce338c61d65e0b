//! An open-loop load: requests are sent at a fixed rate, however long the answers to earlier ones take.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
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

/// Connections that wait for their next request.
type Idle = Arc<Mutex<Vec<Connection>>>;

/// Sends the requests with these numbers, `rate` a second, and returns the answers in no order.
pub async fn run(load: &Load, rate: u32, numbers: Range<u64>) -> Result<Vec<Answer>> {
    let period = (Duration::from_secs(1) / rate.max(1)).max(FINEST);
    let at_once = usize::try_from((rate / 1_000).max(1))?;
    let mut ticks = tokio::time::interval(period);
    // A late tick is made up for: the rate is what was asked for.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let idle = Idle::default();
    let mut sent = JoinSet::new();
    let mut answers = Vec::new();
    let mut numbers = numbers.into_iter().peekable();
    while numbers.peek().is_some() {
        ticks.tick().await;
        for n in numbers.by_ref().take(at_once) {
            sent.spawn(send(load.clone(), Arc::clone(&idle), n));
        }
        while let Some(answer) = sent.try_join_next() {
            answers.push(answer.context("a request panicked")??);
        }
    }
    while let Some(answer) = sent.join_next().await {
        answers.push(answer.context("a request panicked")??);
    }
    Ok(answers)
}

async fn send(load: Load, idle: Idle, n: u64) -> Result<Answer> {
    let waiting = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let started = Instant::now();
    let mut connection = match waiting {
        Some(connection) => connection,
        None => Connection::open(&load.address).await?,
    };
    let request = (load.make)(&load.address, &load.token, n);
    let body = connection.send(request, load.expected).await?;
    let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
    idle.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(connection);
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
            token: String::new(),
            expected: StatusCode::OK,
            make: requests::list,
        };
        let started = Instant::now();
        let answers = run(&load, 2_000, 0..401).await.unwrap();
        assert_eq!(answers.len(), 401);
        assert!(started.elapsed() >= Duration::from_millis(200));
    }
}
