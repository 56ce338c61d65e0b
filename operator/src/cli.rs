//! The command line.

use std::io::{ErrorKind, Write};

use clap::Parser;

/// The operator of the shop platform.
#[derive(Debug, Parser)]
#[command(name = "operator", version, about)]
pub enum Command {
    /// Ask the cluster whether an operator works: exit code 0, or 1 and why none does.
    Check(crate::check::CheckArgs),
    /// Print the custom resource definition as YAML.
    Crd,
    /// Print the operator's account and roles as YAML.
    Rbac {
        /// The operator's namespace.
        #[arg(long, default_value = crate::rights::NAMESPACE)]
        namespace: String,
    },
    /// Print what platforms become, without a cluster: every child as YAML.
    Render(crate::render::RenderArgs),
    /// Work, as soon as no other operator does.
    Run(crate::run::RunArgs),
}

impl Command {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check(args) => print(&format!("{}\n", crate::check::check(&args)?)),
            Self::Crd => print(&crate::crd::yaml()?),
            Self::Rbac { namespace } => print(&crate::rights::yaml(&namespace)?),
            Self::Render(args) => print(&crate::render::render(&args)?),
            Self::Run(args) => crate::run::run(&args),
        }
    }
}

/// Who reads it may have read enough, as `head` does.
fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
