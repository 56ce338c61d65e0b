//! Prints the custom resource definition or the roles, or runs the operator.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    operator::cli::Command::parse().run()
}
