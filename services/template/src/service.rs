//! How the service is put together: the only place that wires.

use std::sync::Arc;

use access_token::Verifier;
use messaging::{ConsumerSettings, Consumers, Opened, spawn_upkeep};
use service_kit::cli::{Built, Program};
use service_kit::{Admin, Health, Runtime, depends_on, error_chain, until_open};
use store_kit::{Applied, OpenError};

use crate::events::{BINDINGS, DeliveredHandler, QUEUE};
use crate::http::{Api, openapi, router};
use crate::settings::Settings;
use crate::{NAME, store};

pub(crate) struct Service;

impl Program for Service {
    type Settings = Settings;

    const NAME: &'static str = NAME;

    fn openapi() -> utoipa::openapi::OpenApi {
        openapi()
    }

    async fn build(settings: Settings, runtime: Runtime) -> Built {
        let (lifecycle, clock) = (&runtime.lifecycle, &runtime.clock);
        let verifier = Verifier::from_settings(&settings.auth, clock.clone())?;
        let broker = messaging::connect(&settings.broker, NAME, lifecycle)?;
        let health = Health::new(lifecycle, env!("CARGO_PKG_VERSION"));
        health.back_end("broker", broker.kind());
        let admin = Admin::start(&runtime, &settings.http, &health).await?;
        // It waits for a database that is not there, or not migrated yet; meanwhile nothing listens, so nothing is sent here.
        let Opened {
            store,
            messages,
            handle,
        } = until_open(&health, async || store::open(&settings.store).await).await?;
        depends_on(&health, handle.clone());
        // If the broker is away, the queue is made once it is back.
        if let Err(error) = broker.declare(BINDINGS).await {
            tracing::warn!(error = error_chain(&error), "events are not heard yet");
        }
        let api = Api {
            store: store.clone(),
            verifier,
        };
        let router = router(api, messages.clone(), clock.clone());
        let app = admin.bind(&runtime, router).await?;

        let handler = DeliveredHandler {
            store,
            clock: clock.clone(),
        };
        Consumers::new(lifecycle, broker.clone(), messages.clone(), clock.clone())
            .queue(QUEUE, Arc::new(handler), ConsumerSettings::default())
            .start();
        spawn_upkeep(lifecycle, messages, clock.clone());
        Ok(app.closing(async move {
            handle.close().await;
            broker.close().await;
        }))
    }

    async fn migrate(settings: &Settings) -> Result<Option<Applied>, OpenError> {
        store::migrate(&settings.store).await.map(Some)
    }
}
