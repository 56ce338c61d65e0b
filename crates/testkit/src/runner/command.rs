//! The command that the servers are for.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::Ends;
use crate::servers::Supervisor;

/// How long the command may take to end after a signal: services give what they have begun 25 seconds.
const PATIENCE: Duration = Duration::from_secs(45);

/// Runs it with these environment variables; passes a signal on to it and everything it started.
pub(super) async fn run(
    program: &str,
    arguments: &[String],
    variables: &[(&'static str, String)],
    end: &mut Ends,
) -> Result<ExitCode> {
    // Ends the command when this process is killed: without its servers it would only fail slowly.
    let guard = Supervisor::new("command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let pid = child.id().context("the command ended at once")?;
    guard.order(&format!("adopt {pid}")).await?;
    let code = tokio::select! {
        status = child.wait() => code(status?),
        signal = end.next() => {
            guard.order(&format!("signal-all {signal}")).await?;
            if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
                guard.order("kill").await?;
            }
            ExitCode::from(128 + signal)
        }
    };
    guard.order("release").await?;
    guard.end().await?;
    Ok(code)
}

/// As a shell has it: a command that a signal ended counts as 128 and the signal.
fn code(status: ExitStatus) -> ExitCode {
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .and_then(|code| u8::try_from(code).ok());
    number.map_or(ExitCode::FAILURE, ExitCode::from)
}
