//! The product service: the catalog, and the stock behind it.
//!
//! Stock is reserved by the events of orders, never by a call: see `domain::reservation` and `docs/architecture.md`.

pub mod demo;
pub mod domain;
mod events;
mod http;
mod settings;
pub mod store;
mod sweeper;

use std::sync::Arc;

use access_token::Verifier;
use contracts::topology;
use messaging::{Broker, ConsumerSettings, Consumers, Opened, Poke, spawn_relay, spawn_upkeep};
use service_kit::settings::StoreSettings;
use service_kit::{Admin, App, BindError, Health, Present, Runtime, depends_on, until_open};
use store_kit::OpenError;

use crate::domain::stock::Rules;
use crate::store::ProductStore;

pub use self::http::openapi;
pub use self::settings::{Settings, StockSettings};

/// Why the service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store cannot be opened.
    #[error("the product service cannot open its store")]
    Open(#[from] OpenError),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The keys of access tokens cannot be had.
    #[error("the product service cannot verify access tokens")]
    Verifier(#[from] access_token::VerifierSettingsError),
}

/// Opens the store by `open` ([`store::open`], or [`store::open_file`]), takes the ports, and starts the background tasks. The
/// service answers once the [`App`] is started.
pub async fn build(
    settings: Settings,
    runtime: Runtime,
    broker: Arc<dyn Broker>,
    open: impl AsyncFn(&StoreSettings, Rules) -> Result<Opened<dyn ProductStore>, OpenError>,
) -> Result<App, BuildError> {
    let lifecycle = &runtime.lifecycle;
    let verifier = Verifier::from_settings(&settings.auth, Arc::clone(&runtime.clock))?;
    let health = Health::new(lifecycle, env!("CARGO_PKG_VERSION"));
    health.back_end("broker", broker.kind());
    let admin = Admin::start(&runtime, &settings.http, &health).await?;
    let rules = settings.stock.rules();
    let opened = until_open(&health, async || open(&settings.store, rules).await).await?;
    let Opened {
        store,
        messages,
        handle,
    } = opened;
    depends_on(&health, Arc::clone(&handle));
    let (poke, present) = (Poke::new(), Present::new(Arc::clone(&runtime.clock)));

    spawn_relay(
        lifecycle,
        &health,
        Arc::clone(&broker),
        messages.clone(),
        poke.clone(),
        Arc::clone(&runtime.clock),
    );
    spawn_upkeep(lifecycle, messages.clone(), Arc::clone(&runtime.clock));
    sweeper::spawn(
        lifecycle,
        Arc::clone(&store),
        poke.clone(),
        present.clone(),
        settings.stock,
    );
    let handler = events::OrdersHandler::new(Arc::clone(&store), poke.clone(), present.clone());
    Consumers::new(
        lifecycle,
        broker,
        messages.clone(),
        Arc::clone(&runtime.clock),
    )
    .queue(
        topology::PRODUCT_ORDERS,
        Arc::new(handler),
        ConsumerSettings::default(),
    )
    .start();

    let state = http::Api {
        store,
        verifier,
        poke,
        present,
    };
    let router = http::router(state, messages, Arc::clone(&runtime.clock));
    let app = admin.bind(&runtime, router).await?;
    Ok(app.closing(async move { handle.close().await }))
}
