//! A closed-loop load: a number of keep-alive connections, each sending its next request when the last was answered.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::requests::{Make, Sent};

/// What is asked of whom.
#[derive(Clone)]
pub struct Load {
    /// `host:port`.
    pub address: String,
    /// The access token; may be empty.
    pub token: String,
    /// The status of every answer; another is an error.
    pub expected: StatusCode,
    /// Makes the requests.
    pub make: Make,
}

/// What a load did.
pub struct Outcome {
    /// Requests answered as expected.
    pub answered: u64,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Outcome {
    /// Requests a second.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 requests")]
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

/// A kept connection.
pub struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    _driver: JoinSet<Result<(), hyper::Error>>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// Sends a request and reads the answer whole.
    pub async fn send(&mut self, request: Sent, expected: StatusCode) -> Result<Bytes> {
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status != expected {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

impl Load {
    /// Sends the requests with these numbers over this many connections.
    pub async fn run(&self, connections: usize, numbers: Range<u64>) -> Result<Outcome> {
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for first in numbers.clone().take(connections) {
            let own = (first..numbers.end).step_by(connections);
            workers.spawn(self.clone().work(own));
        }
        let mut answered = 0;
        while let Some(worker) = workers.join_next().await {
            answered += worker.context("a load worker panicked")??;
        }
        Ok(Outcome {
            answered,
            took: started.elapsed(),
        })
    }

    async fn work(self, numbers: impl Iterator<Item = u64>) -> Result<u64> {
        let mut connection = Connection::open(&self.address).await?;
        let mut answered = 0;
        for n in numbers {
            let request = (self.make)(&self.address, &self.token, n);
            connection.send(request, self.expected).await?;
            answered += 1;
        }
        Ok(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requests;
    use crate::upstream::Upstream;

    fn load(upstream: &Upstream, expected: StatusCode) -> Load {
        Load {
            address: upstream.address.to_string(),
            token: String::new(),
            expected,
            make: requests::list,
        }
    }

    #[tokio::test]
    async fn every_request_is_answered_once() {
        let upstream = Upstream::start().await.unwrap();
        let outcome = load(&upstream, StatusCode::OK)
            .run(3, 10..110)
            .await
            .unwrap();
        assert_eq!(outcome.answered, 100);
    }

    #[tokio::test]
    async fn an_answer_of_another_status_is_an_error() {
        let upstream = Upstream::start().await.unwrap();
        let refused = load(&upstream, StatusCode::CREATED).run(2, 0..10).await;
        assert!(
            refused
                .err()
                .unwrap()
                .to_string()
                .starts_with("200 OK: xxx")
        );
    }
}
