//! The order service: accepts orders, sees them through stock and payment, ships them.
//!
//! `domain` decides, `store` remembers, `http` and `events` listen; [`build`] is the only place that wires them.

pub mod address_book;
pub mod backlog;
pub mod domain;
pub mod events;
pub mod http;
pub mod settings;
pub mod store;
pub mod sweeper;
pub mod tasks;
pub mod waiting;

use std::sync::Arc;

use access_token::Verifier;
use contracts::topology;
use messaging::{
    Broker, ConsumerSettings, Consumers, MessageStore, Opened, Poke, spawn_relay, spawn_upkeep,
};
use service_kit::http::standard_layers;
use service_kit::settings::StoreSettings;
use service_kit::{Admin, App, BindError, Health, Runtime, client, depends_on, until_open};
use store_kit::OpenError;

use crate::address_book::UserService;
use crate::backlog::Backlog;
use crate::domain::Deadlines;
use crate::events::catalog::CatalogHandler;
use crate::events::stock::StockHandler;
use crate::http::Api;
pub use crate::http::openapi;
pub use crate::settings::Settings;
use crate::store::OrderStore;
use crate::sweeper::Sweeper;
use crate::waiting::Waiting;
use service_kit::Present;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store cannot be opened.
    #[error("the order service cannot open its store")]
    Open(#[from] OpenError),
    /// The keys that verify access tokens cannot be used.
    #[error("the order service cannot verify access tokens")]
    Verifier(#[from] access_token::VerifierSettingsError),
    /// The client for the user service cannot be made.
    #[error("the order service cannot make HTTP requests")]
    Client(#[from] reqwest::Error),
    /// A port cannot be had.
    #[error("the order service cannot listen")]
    Bind(#[from] BindError),
}

/// Wires the service: opens its store by `open` ([`store::open`], or [`store::open_file`]), starts its tasks in the runtime's
/// lifecycle and takes its ports.
pub async fn build(
    settings: Settings,
    runtime: Runtime,
    broker: Arc<dyn Broker>,
    open: impl AsyncFn(&StoreSettings, Deadlines) -> Result<Opened<dyn OrderStore>, OpenError>,
) -> Result<App, BuildError> {
    let client = client::http_client(&settings.user_service.url, address_book::DEADLINE)?;
    let verifier = Verifier::from_settings(&settings.auth, Arc::clone(&runtime.clock))?;
    let health = Health::new(&runtime.lifecycle, env!("CARGO_PKG_VERSION"));
    health.back_end("broker", broker.kind());
    let admin = Admin::start(&runtime, &settings.http, &health).await?;
    let deadlines = settings.deadlines.into();
    let opened = until_open(&health, async || open(&settings.store, deadlines).await);
    let Opened {
        store,
        messages,
        handle,
    } = opened.await?;
    depends_on(&health, Arc::clone(&handle));
    let api = Api {
        store,
        verifier,
        address_book: Arc::new(UserService::new(client, &settings.user_service.url)),
        backlog: Arc::new(Backlog::new(settings.outbox.cap)),
        waiting: Waiting::default(),
        poke: Poke::new(),
        present: Present::new(Arc::clone(&runtime.clock)),
        draining: runtime.lifecycle.token(),
    };
    let router = http::router(api.clone(), messages.clone(), Arc::clone(&runtime.clock));
    let router = standard_layers(router, "order");
    let app = admin.bind(&runtime, router).await?;
    start(&runtime, &health, &api, messages, broker);
    Ok(app.closing(async move { handle.close().await }))
}

/// Starts what the service does without being asked over HTTP.
fn start(
    runtime: &Runtime,
    health: &Health,
    api: &Api,
    messages: Arc<dyn MessageStore>,
    broker: Arc<dyn Broker>,
) {
    let (lifecycle, clock) = (&runtime.lifecycle, &runtime.clock);
    let store: Arc<dyn OrderStore> = Arc::clone(&api.store);
    let catalog = CatalogHandler {
        store: Arc::clone(&store),
        present: api.present.clone(),
    };
    let stock = StockHandler {
        store: Arc::clone(&store),
        waiting: api.waiting.clone(),
        poke: api.poke.clone(),
        present: api.present.clone(),
    };
    let sweeper = Sweeper {
        store: Arc::clone(&store),
        waiting: api.waiting.clone(),
        poke: api.poke.clone(),
        present: api.present.clone(),
    };
    let consumer = ConsumerSettings::default();
    Consumers::new(
        lifecycle,
        Arc::clone(&broker),
        messages.clone(),
        Arc::clone(clock),
    )
    .queue(topology::ORDER_CATALOG, Arc::new(catalog), consumer)
    .queue(topology::ORDER_STOCK, Arc::new(stock), consumer)
    .start();
    let poke = api.poke.clone();
    spawn_relay(
        lifecycle,
        health,
        broker,
        messages.clone(),
        poke,
        Arc::clone(clock),
    );
    spawn_upkeep(lifecycle, messages.clone(), Arc::clone(clock));
    tasks::spawn_backlog_count(lifecycle, messages, Arc::clone(&api.backlog));
    tasks::spawn_order_count(lifecycle, store);
    tasks::spawn_sweeper(lifecycle, sweeper);
}
