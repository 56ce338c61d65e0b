//! Programs that people use on a cluster.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

/// What a program said on both channels, and whether it went well.
pub struct Said {
    pub well: bool,
    pub text: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            well: output.status.success(),
            text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        }
    }
}

/// Runs a program, whatever comes of it.
pub async fn run(program: &str, arguments: &[&str]) -> Result<Said> {
    let output = Command::new(program).args(arguments).output().await;
    let output = output.with_context(|| format!("{program} cannot be started"))?;
    Ok(output.into())
}

/// `kubectl`, which has to succeed.
pub async fn kubectl(arguments: &[&str]) -> Result<String> {
    let said = run("kubectl", arguments).await?;
    ensure!(said.well, "kubectl {}: {}", arguments.join(" "), said.text);
    Ok(said.text)
}

/// `helm`, or the one that `HELM` names.
pub async fn helm(arguments: &[&str]) -> Result<Said> {
    let program = std::env::var("HELM").unwrap_or_else(|_| "helm".to_owned());
    run(&program, arguments).await
}
