//! The order service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    service_kit::cli::main("order", order::openapi, async |settings, runtime| {
        let settings: order::Settings = settings;
        let broker = messaging::connect(&settings.broker.url)?;
        Ok(order::build(settings, runtime, broker).await?)
    })
}
