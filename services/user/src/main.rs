//! The user service as a process of its own.

use std::process::ExitCode;

use user::Settings;

fn main() -> ExitCode {
    service_kit::cli::main(
        "user",
        user::openapi,
        async |settings: Settings, runtime| {
            let broker = messaging::connect(&settings.broker.url)?;
            Ok(user::build(settings, runtime, broker).await?)
        },
    )
}
