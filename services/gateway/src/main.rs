//! The gateway as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main("gateway", gateway::openapi, async |settings, runtime| {
        Ok(gateway::build(settings, runtime).await?)
    })
}
