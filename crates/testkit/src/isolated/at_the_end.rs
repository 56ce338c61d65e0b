//! Asynchronous work when something is dropped.

use std::time::Duration;

use anyhow::{Context, Result};

/// Removing must not hang a test whose server does not answer any more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Removes `what`, unless the test fails: then it says where it is. On a thread and a runtime of its own, since the
/// test's runtime cannot be waited for where something is dropped.
#[expect(clippy::print_stderr, reason = "a failing test must show what it kept")]
pub(super) fn remove<F>(what: &str, work: F)
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    if std::thread::panicking() {
        eprintln!("kept {what} (as long as its server runs: those of `make test` end with it)");
        return;
    }
    let removed = std::thread::spawn(move || run(work)).join();
    // Its server may be what the test broke: that is no failure of the test.
    if let Ok(Err(error)) = removed {
        eprintln!("could not remove {what}: {error:#}");
    }
}

fn run(work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, work)
            .await
            .context("no answer in time")?
    })
}
