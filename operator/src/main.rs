//! Prints the custom resource definition, or runs the operator.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    operator::cli::Command::parse().run()
}
