//! The command line.

use std::io::Write;

use clap::Parser;

/// The operator of the shop platform.
#[derive(Debug, Parser)]
#[command(name = "operator", version, about)]
pub enum Command {
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
            Self::Crd => {
                std::io::stdout().write_all(crate::crd::yaml()?.as_bytes())?;
                Ok(())
            }
            Self::Rbac { namespace } => {
                std::io::stdout().write_all(crate::rights::yaml(&namespace)?.as_bytes())?;
                Ok(())
            }
            Self::Render(args) => {
                std::io::stdout().write_all(crate::render::render(&args)?.as_bytes())?;
                Ok(())
            }
            Self::Run(args) => {
                crate::run::run(&args, &service_kit::telemetry::LogSettings::default())
            }
        }
    }
}
