//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use service_kit::{error_chain, settings as layers};

use crate::commands::outbox::Outbox;
use crate::commands::parked::Parked;
use crate::commands::resync::Resync;
use crate::commands::{doctor, outbox, parked, provision, resync, secrets};
use crate::error::Error;
use crate::output::{Format, Output};
use crate::provision::Options;
use crate::settings::Settings;
use crate::stores::StoreArgs;

/// The shop's command line for administrators: it works on the stores and the servers themselves, so it works while the
/// services are down.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done; 1 something could not be done, or a check failed; 2 the command line or the settings \
                  cannot be used; 130 a signal ended it.\n\
                  Settings: --config FILE, then variables such as SHOP__POSTGRES__URL; STORE_URL and BROKER_URL; a variable \
                  with _FILE names a file that holds the value."
)]
struct Cli {
    /// A YAML file with settings; variables win over it
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// How results are written; a table on a terminal, else JSON
    #[arg(long, short, value_enum, global = true)]
    output: Option<Format>,
    /// Print the settings in force, without secrets, and exit
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    stores: StoreArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Messages that wait for a person
    #[command(subcommand)]
    Parked(Parked),
    /// Events on their way to the broker
    #[command(subcommand)]
    Outbox(Outbox),
    /// Tell consumers everything there is once more: a service that joined later, a projection that was lost
    #[command(subcommand)]
    Resync(Resync),
    /// Make databases, users, permissions, vhost and queues; may be run again, and never drops anything
    Provision {
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        /// Initiate the MongoDB replica set if it never was, and add members of the URL that it lacks
        #[arg(long)]
        initiate_replica_set: bool,
        /// Try again for so long while something fails: the servers may still be starting
        #[arg(long, value_name = "SECONDS", default_value_t = 0)]
        wait: u64,
    },
    /// Make the passwords and keys of an installation without an operator; what is there stays as it is
    Secrets {
        /// Where they are put, in a folder for each who needs some
        #[arg(long, value_name = "DIR")]
        folder: PathBuf,
        /// The number of the user that the services run as
        #[arg(long, value_name = "UID")]
        owner: Option<u32>,
    },
    /// Look at servers, users, schemas and queues, and say what is wrong and what to do
    Doctor,
}

/// Runs the program. An error is one line on standard error.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "the last words of a process, also when logging was never set up"
)]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shopctl: {}", error_chain(&error).replace('\n', " "));
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Error> {
    let settings: Settings = layers::load(cli.config.as_deref())?;
    if cli.check_config {
        return print(&settings);
    }
    let Some(command) = cli.command else {
        return Err(Error::Usage(
            "say what to do; `shopctl --help` lists the commands".to_owned(),
        ));
    };
    let output = Output::new(cli.output);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    let done = runtime.block_on(async {
        tokio::select! {
            done = carry_out(command, settings, &cli.stores, output) => done,
            // The first process of a container ignores a signal that it does not listen to.
            signal = service_kit::signal() => Err(signal.map_or_else(Error::Start, |()| Error::Ended)),
        }
    });
    runtime.shutdown_background();
    done
}

async fn carry_out(
    command: Command,
    settings: Settings,
    stores: &StoreArgs,
    output: Output,
) -> Result<(), Error> {
    let _telemetry = service_kit::telemetry::init(&settings.log, "shopctl")
        .map_err(|error| Error::Usage(error_chain(&error)))?;
    match command {
        Command::Parked(command) => parked::run(command, settings, stores, output).await,
        Command::Outbox(command) => outbox::run(command, settings, stores, output).await,
        Command::Resync(command) => resync::run(command, settings, stores, output).await,
        Command::Provision {
            dry_run,
            initiate_replica_set,
            wait,
        } => {
            let options = Options {
                dry_run,
                initiate_replica_set,
            };
            let patience = Duration::from_secs(wait);
            provision::run(&settings, options, patience, output).await
        }
        Command::Secrets { folder, owner } => secrets::run(&folder, owner, output),
        Command::Doctor => doctor::run(&settings, stores.data.as_deref(), output).await,
    }
}

#[expect(clippy::print_stdout, reason = "printing is what was asked for")]
fn print(settings: &Settings) -> Result<(), Error> {
    let yaml = layers::redacted_yaml(settings);
    let yaml = yaml.map_err(|error| Error::Write(std::io::Error::other(error)))?;
    print!("{yaml}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_its_help_tells_the_exit_codes() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        assert!(
            command
                .render_help()
                .to_string()
                .contains("Exit codes: 0 done")
        );
    }
}
