//! A running user service, and people who use it.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use access_token::SigningKeys;
use contracts::{Clock as _, ManualClock, topology};
use messaging::Broker;
use messaging::embedded::EmbeddedBroker;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::settings::Secret;
use service_kit::{HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use testkit::client::{Client, PASSWORD, Reply, send};
use user::settings::Allowance;
use user::{BuildError, Settings};

pub const ADMIN: &str = "root@example.com";

/// The service, and what a test needs to look at it from outside.
pub struct Service {
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<ManualClock>,
    pub anonymous: Client,
    pub folder: Arc<tempfile::TempDir>,
    running: Running,
}

/// A service whose throttles nobody reaches.
pub async fn start() -> Service {
    start_with(|_| ()).await
}

/// The same with other settings.
pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Service {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    start_in(folder, change).await.unwrap()
}

/// The same in a folder that may have been used before.
pub async fn start_in(
    folder: Arc<tempfile::TempDir>,
    change: impl FnOnce(&mut Settings),
) -> Result<Service, BuildError> {
    let mut settings = settings(folder.path());
    change(&mut settings);
    let broker = EmbeddedBroker::open(&folder.path().join("broker.db"))
        .await
        .unwrap();
    broker.declare(topology::BINDINGS).await.unwrap();
    let clock = Arc::new(ManualClock::at(crate::contract::start()));
    let runtime = Runtime {
        clock: clock.clone(),
        lifecycle: Lifecycle::new("user", LifecycleSettings::default()),
        metrics: Metrics::install(),
    };
    let broker: Arc<dyn Broker> = broker;
    let app = user::build(settings, runtime, Arc::clone(&broker), user::store::open).await?;
    let anonymous = Client::new(&app.address().to_string()).unwrap();
    Ok(Service {
        broker,
        clock,
        anonymous,
        folder,
        running: app.start(),
    })
}

pub fn key_file(folder: &Path) -> PathBuf {
    let path = folder.join("signing-key.pem");
    if !path.exists() {
        std::fs::write(&path, SigningKeys::generate_pem().unwrap()).unwrap();
    }
    path
}

pub fn allowance(burst: u32) -> Allowance {
    Allowance {
        burst: NonZeroU32::new(burst).unwrap(),
        per_s: NonZeroU32::new(60).unwrap(),
    }
}

fn settings(folder: &Path) -> Settings {
    let mut settings = Settings {
        http: HttpSettings::default(),
        ..Settings::default()
    };
    settings.store.url = format!("sqlite://{}", folder.join("user.db").display());
    settings.keys.signing_key = key_file(folder);
    settings.bootstrap_admin.email = ADMIN.to_owned();
    settings.bootstrap_admin.password = Secret::from(PASSWORD);
    settings.throttle.by_address = allowance(1_000);
    settings.throttle.by_email_and_address = allowance(1_000);
    settings.throttle.by_email = allowance(1_000);
    settings
}

impl Service {
    /// A new customer who is signed in.
    pub async fn customer(&self, name: &str) -> Client {
        let email = format!("{name}@example.com");
        self.anonymous.register(&email).await.unwrap()
    }

    /// The first administrator, signed in.
    pub async fn admin(&self) -> Client {
        self.anonymous.log_in(ADMIN, PASSWORD).await.unwrap()
    }

    /// Signs in, and returns the access token and the refresh token.
    pub async fn tokens(&self, email: &str, password: &str) -> (String, String) {
        let reply = self.log_in(email, password).await.expect(200).unwrap();
        tokens(&reply)
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.anonymous
            .post("/api/v1/auth/login", &body)
            .await
            .unwrap()
    }

    pub async fn refresh(&self, token: &str) -> Reply {
        let body = json!({"refresh_token": token});
        self.anonymous
            .post("/api/v1/auth/refresh", &body)
            .await
            .unwrap()
    }

    pub async fn register(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password, "name": "Ada"});
        self.anonymous
            .post("/api/v1/auth/register", &body)
            .await
            .unwrap()
    }

    /// A connection to the store of its own, as an operator would open it.
    pub fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("user.db")).unwrap()
    }

    pub fn now(&self) -> contracts::Timestamp {
        self.clock.now()
    }

    /// Ends the service in its phases.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

pub fn tokens(reply: &Reply) -> (String, String) {
    let text = |pointer| reply.text(pointer).unwrap().to_owned();
    (text("/access_token"), text("/refresh_token"))
}

/// Sends a request with a body and `If-Match`.
pub async fn send_if_match(
    client: &Client,
    method: Method,
    path: &str,
    tag: Option<&str>,
    body: &Value,
) -> Reply {
    let mut request = client.request(method, path).json(body);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    send(request).await.unwrap()
}

/// The status and code of a problem, and the pointers of its fields.
pub fn problem(reply: &Reply) -> (u16, String, Vec<String>) {
    let content_type = reply.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{reply:?}");
    let pointers = reply.body["errors"].as_array().into_iter().flatten();
    (
        reply.status.as_u16(),
        reply.text("/code").unwrap().to_owned(),
        pointers
            .map(|error| error["pointer"].as_str().unwrap().to_owned())
            .collect(),
    )
}

/// A problem without fields.
pub fn just(status: u16, code: &str) -> (u16, String, Vec<String>) {
    (status, code.to_owned(), Vec::new())
}

/// A problem with fields.
pub fn fields(status: u16, code: &str, pointers: &[&str]) -> (u16, String, Vec<String>) {
    let pointers = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
    (status, code.to_owned(), pointers)
}
