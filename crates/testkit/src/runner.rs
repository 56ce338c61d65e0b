//! What `test-servers` and `control-plane` do: servers up, command run, servers down.

mod command;
mod control_plane;
mod set;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub use set::{AMQP, MONGODB, POSTGRES, RABBITMQ_API};

/// Starts the servers that the environment does not name, runs the command with all of them named, and takes down what it
/// started: when the command ends, when a signal comes, and also when this process is killed. The exit code is the command's.
///
/// Without a command the servers stay until a signal comes.
pub async fn run(command: &[String]) -> Result<ExitCode> {
    with(Box::pin(set::Servers::start()), command).await
}

/// The same with a Kubernetes control plane in which these manifests are applied: `KUBECONFIG` names it, and kubectl is found.
pub async fn run_with_control_plane(
    manifests: Vec<PathBuf>,
    command: &[String],
) -> Result<ExitCode> {
    with(Box::pin(control_plane::Plane::start(manifests)), command).await
}

/// What is up while the command runs.
trait Set {
    /// The environment variables that name what was started.
    fn variables(&self) -> &[(&'static str, String)];

    /// Ends and removes what was started.
    async fn remove(self) -> Result<()>;
}

async fn with<S: Set>(
    start: impl Future<Output = Result<S>>,
    command: &[String],
) -> Result<ExitCode> {
    let mut end = Ends::new()?;
    let servers = tokio::select! {
        servers = start => servers?,
        // What was half started ends with us.
        signal = end.next() => return Ok(ExitCode::from(128 + signal)),
    };
    let code = if let Some((program, arguments)) = command.split_first() {
        command::run(program, arguments, servers.variables(), &mut end).await
    } else {
        show(servers.variables());
        Ok(ExitCode::from(128 + end.next().await))
    };
    servers.remove().await?;
    code
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn show(variables: &[(&'static str, String)]) {
    for (name, value) in variables {
        println!("export {name}='{value}'");
    }
    println!("# The servers run until this is ended (Ctrl-C).");
}

/// The signals that end a program.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Ends {
    fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The number of the next one.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 2,
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
        }
    }
}
