//! The product service as a process of its own.

use std::process::ExitCode;

use product::Settings;
use service_kit::Runtime;
use service_kit::cli::{Built, Program};
use store_kit::{Applied, OpenError};

struct Product;

impl Program for Product {
    type Settings = Settings;

    const NAME: &'static str = "product";

    fn openapi() -> utoipa::openapi::OpenApi {
        product::openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        let broker = messaging::connect(&settings.broker, Self::NAME, &runtime.lifecycle)?;
        let app = product::build(settings, runtime, broker.clone(), product::store::open).await?;
        Ok(app.closing(async move { broker.close().await }))
    }

    async fn migrate(settings: &Settings) -> Result<Option<Applied>, OpenError> {
        product::store::migrate(&settings.store).await.map(Some)
    }
}

fn main() -> ExitCode {
    service_kit::cli::main::<Product>()
}
