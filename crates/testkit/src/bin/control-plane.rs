//! Starts a Kubernetes control plane, says where it is, runs a command, and takes the control plane down again.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Runs a command with a Kubernetes control plane that is there only for it (`KUBECONFIG`, and kubectl in the `PATH`); without
/// a command keeps it until it is ended and prints how to use it. The control plane is a real one; nodes, volumes and what pods
/// do are played. `hack/control-plane/build.sh` builds it.
#[derive(Parser)]
#[command(name = "control-plane")]
struct Arguments {
    /// A manifest, or a folder of manifests, to apply before the controllers start: custom resource definitions belong here.
    #[arg(long = "apply", value_name = "PATH")]
    manifests: Vec<PathBuf>,
    /// The command and its arguments.
    #[arg(last = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { manifests, command } = Arguments::parse();
    testkit::runner::run_with_control_plane(manifests, &command).await
}
