//! The product service as a process of its own.

use std::process::ExitCode;

use product::Settings;

fn main() -> ExitCode {
    service_kit::cli::main(
        "product",
        product::openapi,
        async |settings: Settings, runtime| {
            let broker = messaging::connect(&settings.broker.url)?;
            Ok(product::build(settings, runtime, broker).await?)
        },
    )
}
