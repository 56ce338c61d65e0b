//! The notification service: tells people what happened, in their list, on their live stream and by mail.
//!
//! Taking events in and sending are apart: `events` leaves notifications and deliveries behind in one transaction, `sender`
//! works the deliveries off, `streams` tails the notifications. [`build`] is the only place that wires them.

pub mod domain;
mod events;
mod http;
pub mod mail;
mod sender;
pub mod settings;
pub mod store;
mod streams;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use access_token::Verifier;
use contracts::topology;
use messaging::{
    Broker, ConsumerSettings, Consumers, MessageStore, Opened, Poke, spawn_relay, spawn_upkeep,
};
use service_kit::settings::StoreSettings;
use service_kit::{
    Admin, App, BindError, Detail, Health, Present, Runtime, depends_on, until_open,
};
use store_kit::OpenError;
use tokio::sync::Notify;

use self::domain::{Channel, RetryRule};
use self::events::IntakeHandler;
use self::http::Api;
pub use self::http::openapi;
use self::mail::{Composer, MailSetupError, Mailer, Templates};
use self::sender::Sender;
use self::settings::SettingError;
pub use self::settings::Settings;
use self::store::NotificationStore;
use self::streams::Streams;

/// Why the service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting makes no sense.
    #[error("the notification service cannot work with its settings")]
    Setting(#[from] SettingError),
    /// The store cannot be opened.
    #[error("the notification service cannot open its store")]
    Open(#[from] OpenError),
    /// The keys of access tokens cannot be had.
    #[error("the notification service cannot verify access tokens")]
    Verifier(#[from] access_token::VerifierSettingsError),
    /// Mail cannot be set up.
    #[error("the notification service cannot send mail")]
    Mail(#[from] MailSetupError),
    /// A template is malformed.
    #[error("the notification service cannot read its templates")]
    Templates(#[from] minijinja::Error),
    /// A port is taken.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Opens the store by `open` ([`store::open`], or [`store::open_file`]), takes the ports, and starts the background tasks. The
/// service answers once the [`App`] is started.
pub async fn build(
    settings: Settings,
    runtime: Runtime,
    broker: Arc<dyn Broker>,
    open: impl AsyncFn(&StoreSettings) -> Result<Opened<dyn NotificationStore>, OpenError>,
) -> Result<App, BuildError> {
    let from = settings.check()?;
    let mailer = mail::mailer(&settings)?;
    let templates = Templates::new()?;
    let verifier = Verifier::from_settings(&settings.auth, Arc::clone(&runtime.clock))?;

    let health = Health::new(&runtime.lifecycle, env!("CARGO_PKG_VERSION"));
    health.back_end("broker", broker.kind());
    health.back_end(
        "mail",
        mailer.as_ref().map_or("none", |mailer| mailer.kind()),
    );
    let admin = Admin::start(&runtime, &settings.http, &health).await?;
    let opened = until_open(&health, async || open(&settings.store).await).await?;
    let Opened {
        store,
        messages,
        handle,
    } = opened;
    depends_on(&health, Arc::clone(&handle));

    let api = Api {
        store,
        verifier,
        streams: Streams::new(usize::try_from(settings.stream.per_account).unwrap_or(usize::MAX)),
        heartbeat: Duration::from_secs(settings.stream.heartbeat_s),
        present: Present::new(Arc::clone(&runtime.clock)),
        draining: runtime.lifecycle.token(),
    };
    let router = http::router(api.clone(), messages.clone(), Arc::clone(&runtime.clock));
    let app = admin.bind(&runtime, router).await?;

    let composer = Composer::new(templates, from, &settings.shop_name, &settings.shop_url);
    let parts = Parts {
        settings: &settings,
        runtime: &runtime,
        health: &health,
        api: &api,
        messages,
        broker,
    };
    parts.start(mailer, composer);
    Ok(app.closing(async move { handle.close().await }))
}

/// What the background tasks are made of.
struct Parts<'a> {
    settings: &'a Settings,
    runtime: &'a Runtime,
    health: &'a Health,
    api: &'a Api,
    messages: Arc<dyn MessageStore>,
    broker: Arc<dyn Broker>,
}

impl Parts<'_> {
    /// Starts what the service does without being asked over HTTP.
    fn start(self, mailer: Option<Arc<dyn Mailer>>, composer: Composer) {
        let (lifecycle, clock) = (&self.runtime.lifecycle, &self.runtime.clock);
        let (poke, hint) = (Poke::new(), Arc::new(Notify::new()));
        let store: Arc<dyn NotificationStore> = Arc::clone(&self.api.store);
        let intake = IntakeHandler {
            store: Arc::clone(&store),
            channels: vec![(Channel::Email, mailer.is_some())],
            senders: Arc::clone(&hint),
            streams: self.api.streams.clone(),
            present: self.api.present.clone(),
        };
        let (broker, messages) = (self.broker, self.messages);
        Consumers::new(
            lifecycle,
            Arc::clone(&broker),
            messages.clone(),
            Arc::clone(clock),
        )
        .queue(
            topology::NOTIFICATION_INTAKE,
            Arc::new(intake),
            ConsumerSettings::default(),
        )
        .start();
        let relay = messages.clone();
        spawn_relay(
            lifecycle,
            self.health,
            broker,
            relay,
            poke.clone(),
            Arc::clone(clock),
        );
        spawn_upkeep(lifecycle, messages, Arc::clone(clock));
        let poll = Duration::from_millis(self.settings.stream.poll_ms);
        streams::spawn_tail(
            lifecycle,
            self.api.streams.clone(),
            Arc::clone(&store),
            poll,
        );
        tasks::spawn_delivery_count(lifecycle, Arc::clone(&store));
        let (present, retention) = (self.api.present.clone(), self.settings.retention);
        tasks::spawn_sweeper(lifecycle, Arc::clone(&store), present, retention);
        if let Some(mailer) = mailer {
            self.health.set_detail("mail", Detail::Ok);
            let senders = self.settings.senders;
            let sender = Sender {
                store,
                composer,
                mailer,
                retry: RetryRule {
                    first: Duration::from_secs(senders.retry_first_s),
                    max: Duration::from_secs(senders.retry_max_s),
                    attempts: senders.attempts,
                },
                terms: self.settings.terms(),
                concurrency: senders.concurrency,
                poll: Duration::from_millis(senders.poll_ms),
                hint,
                poke,
                present: self.api.present.clone(),
                health: self.health.clone(),
            };
            sender::spawn(lifecycle, sender);
        }
    }
}
