//! The user service: accounts, sign-in, roles and address books.
//!
//! `domain` says what there is, `store` remembers, `http` listens; [`build`] is the only place that wires them.

pub mod bootstrap;
pub mod domain;
mod http;
pub mod passwords;
pub mod settings;
pub mod store;
pub mod throttle;
pub mod tokens;
mod upkeep;

use std::path::Path;
use std::sync::Arc;

use access_token::{KeyError, SigningKeys, Verifier};
use messaging::{Broker, MessageStore, Opened, Poke, spawn_relay, spawn_upkeep};
use service_kit::settings::StoreSettings;
use service_kit::{Admin, App, BindError, Health, Present, Runtime, depends_on, until_open};
use store_kit::OpenError;

use crate::bootstrap::{BootstrapError, first_administrator};
pub use crate::http::openapi;
use crate::http::{Api, KeySetDocument};
use crate::passwords::{HashError, Passwords};
use crate::settings::SenselessSetting;
pub use crate::settings::Settings;
use crate::store::UserStore;
use crate::throttle::Throttle;
use crate::tokens::Tokens;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting makes no sense.
    #[error("the user service cannot work with its settings")]
    Setting(#[from] SenselessSetting),
    /// The store cannot be opened.
    #[error("the user service cannot open its store")]
    Open(#[from] OpenError),
    /// No file is named that holds a signing key.
    #[error(
        "the user service has no signing key: set keys.signing_key (SHOP__KEYS__SIGNING_KEY) to a file made by \
         `openssl genpkey -algorithm ed25519 -out <file>`"
    )]
    NoKey,
    /// The signing key cannot be used.
    #[error(
        "the user service cannot use its signing key; name a file made by `openssl genpkey -algorithm ed25519 -out <file>` \
         in keys.signing_key (SHOP__KEYS__SIGNING_KEY)"
    )]
    Key(#[from] KeyError),
    /// The key set cannot be shown.
    #[error("the user service cannot show its public keys")]
    KeySet(#[from] serde_json::Error),
    /// Passwords cannot be hashed.
    #[error("the user service cannot hash passwords")]
    Passwords(#[from] HashError),
    /// The first administrator cannot be made.
    #[error("the user service cannot make the first administrator")]
    Bootstrap(#[from] BootstrapError),
    /// A port cannot be had.
    #[error("the user service cannot listen")]
    Bind(#[from] BindError),
}

/// Wires the service: opens its store by `open` ([`store::open`], or [`store::open_file`]), makes the first administrator, starts
/// its tasks in the runtime's lifecycle and takes its ports.
pub async fn build(
    settings: Settings,
    runtime: Runtime,
    broker: Arc<dyn Broker>,
    open: impl AsyncFn(&StoreSettings) -> Result<Opened<dyn UserStore>, OpenError>,
) -> Result<App, BuildError> {
    settings.check()?;
    let clock = Arc::clone(&runtime.clock);
    let keys = signing_keys(&settings)?;
    let throttle = Throttle::new(settings.throttle, &clock)?;
    let passwords = Passwords::new(settings.passwords)?;
    let health = Health::new(&runtime.lifecycle, env!("CARGO_PKG_VERSION"));
    health.back_end("broker", broker.kind());
    let admin_port = Admin::start(&runtime, &settings.http, &health).await?;
    let opened = until_open(&health, async || open(&settings.store).await).await?;
    let Opened {
        store,
        messages,
        handle,
    } = opened;
    depends_on(&health, Arc::clone(&handle));
    let api = Api {
        store,
        verifier: Verifier::of_signer(&settings.auth, &keys, Arc::clone(&clock)),
        key_set: KeySetDocument::of(&keys.jwks())?,
        tokens: Tokens::new(keys, &settings.auth, settings.tokens),
        passwords,
        throttle,
        poke: Poke::new(),
        present: Present::new(Arc::clone(&clock)),
        trusted_hops: settings.http.trusted_hops,
    };
    let (admin, context) = (&settings.bootstrap_admin, api.present.context());
    first_administrator(admin, &*api.store, &api.passwords, &api.poke, context).await?;

    let router = http::router(api.clone());
    let app = admin_port.bind(&runtime, router).await?;
    start(&runtime, &health, &api, messages, broker);
    Ok(app.closing(async move { handle.close().await }))
}

fn signing_keys(settings: &Settings) -> Result<SigningKeys, BuildError> {
    let keys = &settings.keys;
    if keys.signing_key.as_os_str().is_empty() {
        return Err(BuildError::NoKey);
    }
    let previous = named(keys.previous_signing_key.as_deref());
    let signing = SigningKeys::from_files(&keys.signing_key, previous)?;
    match named(keys.next_signing_key.as_deref()) {
        Some(next) => Ok(signing.and_next_from_file(next)?),
        None => Ok(signing),
    }
}

/// A variable that is set to nothing names no file.
fn named(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !path.as_os_str().is_empty())
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
    let store: Arc<dyn UserStore> = Arc::clone(&api.store);
    let poke = api.poke.clone();
    spawn_relay(
        lifecycle,
        health,
        broker,
        messages.clone(),
        poke,
        Arc::clone(clock),
    );
    spawn_upkeep(lifecycle, messages, Arc::clone(clock));
    upkeep::spawn(lifecycle, store, api.throttle.clone(), Arc::clone(clock));
}
