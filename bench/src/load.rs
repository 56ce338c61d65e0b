//! A closed-loop load: a number of keep-alive connections, each sending its next request when the last was answered.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

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
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

/// Makes the `n`th request; `None` ends the load.
pub type MakeRequest = fn(authority: &str, token: &str, n: u64) -> Request<Full<Bytes>>;

/// Sends `requests` requests over `connections` connections; an answer other than `expected` is an error.
pub async fn run(
    address: &str,
    token: &str,
    connections: u64,
    requests: u64,
    expected: StatusCode,
    make: MakeRequest,
) -> Result<Outcome> {
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..connections {
        let (address, token) = (address.to_owned(), token.to_owned());
        workers.spawn(async move {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let mut driver = JoinSet::new();
            driver.spawn(connection);
            let mut answered = 0_u64;
            let mut n = worker;
            while n < requests {
                let response = sender.send_request(make(&address, &token, n)).await?;
                let status = response.status();
                let body = response.into_body().collect().await?.to_bytes();
                if status != expected {
                    bail!("{status}: {}", String::from_utf8_lossy(&body));
                }
                answered += 1;
                n += connections;
            }
            Ok(answered)
        });
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
