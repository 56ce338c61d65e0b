//! The order service as a process of its own.

use std::process::ExitCode;

use order::Settings;
use service_kit::Runtime;
use service_kit::cli::{Built, Program};
use store_kit::{Applied, OpenError};

struct Order;

impl Program for Order {
    type Settings = Settings;

    const NAME: &'static str = "order";

    fn openapi() -> utoipa::openapi::OpenApi {
        order::openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        let broker = messaging::connect(&settings.broker, Self::NAME, &runtime.lifecycle)?;
        let app = order::build(settings, runtime, broker.clone(), order::store::open).await?;
        Ok(app.closing(async move { broker.close().await }))
    }

    async fn migrate(settings: &Settings) -> Result<Option<Applied>, OpenError> {
        order::store::migrate(&settings.store).await.map(Some)
    }
}

fn main() -> ExitCode {
    service_kit::cli::main::<Order>()
}
