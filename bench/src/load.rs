//! A closed-loop load: a number of keep-alive connections, each sending its next request when the last was answered.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Response, StatusCode};
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
    /// The access tokens of those who ask in turn; none for strangers.
    pub tokens: Arc<[String]>,
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

    /// Sends a request and reads the answer whole, whatever it says.
    pub async fn ask(&mut self, request: Sent) -> Result<Response<Bytes>> {
        let response = self.sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Sends a request that must be answered as expected, and returns the body.
    pub async fn send(&mut self, request: Sent, expected: StatusCode) -> Result<Bytes> {
        let (head, body) = self.ask(request).await?.into_parts();
        if head.status != expected {
            bail!("{}: {}", head.status, String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

impl Load {
    /// The request with this number.
    #[must_use]
    pub fn request(&self, n: u64) -> Sent {
        let whose = usize::try_from(n).unwrap_or_default();
        let whose = whose.checked_rem(self.tokens.len()).unwrap_or_default();
        let token = self.tokens.get(whose).map_or("", String::as_str);
        (self.make)(&self.address, token, n)
    }

    /// Sends the requests with these numbers over this many connections.
    pub async fn run(&self, connections: usize, numbers: Range<u64>) -> Result<Outcome> {
        self.run_while(connections, numbers, |_| true).await
    }

    /// Sends requests with numbers from `first` on over this many connections until the time is over.
    pub async fn run_for(&self, connections: usize, first: u64, time: Duration) -> Result<Outcome> {
        self.run_while(connections, first..u64::MAX, move |since| since < time)
            .await
    }

    async fn run_while(
        &self,
        connections: usize,
        numbers: Range<u64>,
        go_on: impl Fn(Duration) -> bool + Copy + Send + 'static,
    ) -> Result<Outcome> {
        let started = Instant::now();
        let mut workers = JoinSet::new();
        for first in numbers.clone().take(connections) {
            let own = (first..numbers.end).step_by(connections);
            let own = own.take_while(move |_| go_on(started.elapsed()));
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
            connection.send(self.request(n), self.expected).await?;
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
            tokens: Arc::default(),
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
    async fn a_load_ends_when_its_time_is_over() {
        let upstream = Upstream::start().await.unwrap();
        let time = Duration::from_secs(1);
        let outcome = load(&upstream, StatusCode::OK)
            .run_for(3, 7, time)
            .await
            .unwrap();
        assert!(outcome.answered >= 3 && outcome.took >= time);
    }

    #[tokio::test]
    async fn customers_ask_in_turn() {
        let upstream = Upstream::start().await.unwrap();
        let load = Load {
            tokens: ["ada".to_owned(), "bob".to_owned()].into(),
            make: requests::own_orders,
            ..load(&upstream, StatusCode::OK)
        };
        let tokens = [0, 1, 2].map(|n| load.request(n).headers()["authorization"].clone());
        assert_eq!(tokens, ["Bearer ada", "Bearer bob", "Bearer ada"]);
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
