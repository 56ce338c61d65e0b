//! Starts the servers that tests need, tells them where they are, runs a command, and takes the servers down again.

use std::process::ExitCode;

use clap::Parser;

/// Runs a command with a PostgreSQL, a MongoDB and a RabbitMQ that are there only for it; without a command keeps them until it
/// is ended and prints how to use them. A server that is named by `TEST_POSTGRES_URL`, `TEST_MONGODB_URL` or `TEST_AMQP_URL`
/// (with `TEST_RABBITMQ_API_URL`) is used and left alone.
#[derive(Parser)]
#[command(name = "test-servers")]
struct Arguments {
    /// The command and its arguments.
    #[arg(last = true)]
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    testkit::runner::run(&Arguments::parse().command).await
}
