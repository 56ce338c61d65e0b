//! The notification service as a process of its own.

use std::process::ExitCode;

use notification::Settings;
use service_kit::Runtime;
use service_kit::cli::{Built, Program};
use store_kit::{Applied, OpenError};

struct Notification;

impl Program for Notification {
    type Settings = Settings;

    const NAME: &'static str = "notification";

    fn openapi() -> utoipa::openapi::OpenApi {
        notification::openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        let broker = messaging::connect(&settings.broker, Self::NAME, &runtime.lifecycle)?;
        let app = notification::build(settings, runtime, broker.clone(), notification::store::open)
            .await?;
        Ok(app.closing(async move { broker.close().await }))
    }

    async fn migrate(settings: &Settings) -> Result<Option<Applied>, OpenError> {
        notification::store::migrate(&settings.store)
            .await
            .map(Some)
    }
}

fn main() -> ExitCode {
    service_kit::cli::main::<Notification>()
}
