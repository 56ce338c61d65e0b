//! The least service that works, to be copied: `docs/adding-a-service.md`.
//!
//! Who was delivered something may say how many stars it is worth, and everybody may see what came of it.

mod events;
mod http;
mod service;
mod settings;
mod store;

use std::process::ExitCode;

/// Its name in the platform, `spec.services.extra[].name`: the broker lets it have queues whose names begin so, and no others.
const NAME: &str = "reviews";

fn main() -> ExitCode {
    service_kit::cli::main::<service::Service>()
}
