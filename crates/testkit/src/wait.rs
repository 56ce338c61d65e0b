//! Waiting on conditions, never for a time.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

/// How long a condition may take on a slow and busy machine before the test gives up.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until the answer is `Some`, at most [`PATIENCE`]; `what` completes "timed out waiting for …".
pub async fn until<T, F, Fut>(what: &str, ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    until_within(PATIENCE, what, ask).await
}

/// Asks until the answer is `Some`, at most `patience`.
pub async fn until_within<T, F, Fut>(patience: Duration, what: &str, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("timed out after {patience:?} waiting for {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
