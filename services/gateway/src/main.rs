//! The gateway as a process of its own.

use std::process::ExitCode;

use gateway::Settings;
use service_kit::Runtime;
use service_kit::cli::{Built, Program};

struct Gateway;

impl Program for Gateway {
    type Settings = Settings;

    const NAME: &'static str = "gateway";

    fn openapi() -> utoipa::openapi::OpenApi {
        gateway::openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        Ok(gateway::build(settings, runtime).await?)
    }
}

fn main() -> ExitCode {
    service_kit::cli::main::<Gateway>()
}
