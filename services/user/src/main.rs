//! The user service as a process of its own.

use std::process::ExitCode;

use service_kit::Runtime;
use service_kit::cli::{Built, Program};
use store_kit::{Applied, OpenError};
use user::Settings;

struct User;

impl Program for User {
    type Settings = Settings;

    const NAME: &'static str = "user";

    fn openapi() -> utoipa::openapi::OpenApi {
        user::openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        let broker = messaging::connect(&settings.broker, Self::NAME, &runtime.lifecycle)?;
        let app = user::build(settings, runtime, broker.clone(), user::store::open).await?;
        Ok(app.closing(async move { broker.close().await }))
    }

    async fn migrate(settings: &Settings) -> Result<Option<Applied>, OpenError> {
        user::store::migrate(&settings.store).await.map(Some)
    }
}

fn main() -> ExitCode {
    service_kit::cli::main::<User>()
}
