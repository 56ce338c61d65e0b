//! The notification service as a process of its own.

use std::process::ExitCode;

use notification::Settings;

fn main() -> ExitCode {
    service_kit::cli::main(
        "notification",
        notification::openapi,
        async |settings: Settings, runtime| {
            let broker = messaging::connect(&settings.broker.url)?;
            Ok(notification::build(settings, runtime, broker).await?)
        },
    )
}
