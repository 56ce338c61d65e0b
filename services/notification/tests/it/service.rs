//! A running notification service, and tests in the parts of the services it hears.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, SigningKeys, VerifierSettings};
use contracts::{
    Clock as _, Event, EventId, ManualClock, Payload, Role, SessionId, UserId, topology,
};
use futures_util::future::BoxFuture;
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, Message};
use notification::Settings;
use serde_json::Value;
use service_kit::{HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use tempfile::TempDir;
use testkit::client::{Client, Reply};
use testkit::maildir::Mail;
use testkit::wait;

use crate::samples;

/// The service, and what a test needs to play the others.
pub struct Service {
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<ManualClock>,
    pub anonymous: Client,
    /// Health and metrics.
    pub admin_port: Client,
    pub folder: PathBuf,
    kept: Option<TempDir>,
    keys: SigningKeys,
    running: Running,
}

/// An account that the service knows.
pub struct Account {
    pub user_id: UserId,
    pub client: Client,
}

/// A service that writes mails to a folder.
pub async fn start() -> Service {
    start_with(|_| ()).await
}

/// A service with other settings.
pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Service {
    start_in(tempfile::tempdir().unwrap(), change).await
}

/// A service on a folder that may hold an earlier one's store.
pub async fn start_in(folder: TempDir, change: impl FnOnce(&mut Settings)) -> Service {
    let service = start_at(folder.path(), change).await;
    let kept = Some(folder);
    Service { kept, ..service }
}

/// A service on a folder that is somebody else's to keep.
pub async fn start_at(folder: &Path, change: impl FnOnce(&mut Settings)) -> Service {
    let queues = folder.join("broker.db");
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(&queues).await.unwrap();
    broker.declare(topology::BINDINGS).await.unwrap();
    let pem = SigningKeys::generate_pem().unwrap();
    let keys = SigningKeys::from_pem(&pem, None).unwrap();
    let jwks = folder.join("jwks.json");
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks()).unwrap()).unwrap();

    let mut settings = Settings {
        http: HttpSettings::default(),
        maildir: folder.join("mail"),
        ..Settings::default()
    };
    let store = folder.join("notification.db");
    settings.store.url = format!("sqlite://{}", store.display());
    settings.auth.jwks = jwks.display().to_string();
    settings.senders.poll_ms = 20;
    change(&mut settings);
    let clock = Arc::new(ManualClock::at(samples::start()));
    let runtime = Runtime {
        clock: clock.clone(),
        lifecycle: Lifecycle::new("notification", LifecycleSettings::default()),
        metrics: Metrics::install(),
    };
    let app = notification::build(
        settings,
        runtime,
        Arc::clone(&broker),
        notification::store::open,
    )
    .await
    .unwrap();
    let anonymous = Client::new(&app.address().to_string()).unwrap();
    let admin_port = Client::new(&app.admin_address().to_string()).unwrap();
    Service {
        broker,
        clock,
        anonymous,
        admin_port,
        folder: folder.to_owned(),
        kept: None,
        keys,
        running: app.start(),
    }
}

impl Service {
    /// A client with these roles and a token that ends after a while.
    pub fn signed_in(&self, user_id: UserId, roles: &[Role], ends: Duration) -> Client {
        let now = self.clock.now();
        let verifier = VerifierSettings::default();
        let claims = Claims {
            iss: verifier.issuer,
            aud: verifier.audience,
            sub: user_id,
            sid: SessionId::at(now),
            jti: "test".to_owned(),
            roles: roles.to_vec(),
            iat: now.unix_seconds(),
            exp: now.plus(ends).unix_seconds(),
        };
        self.anonymous.with_token(&self.keys.sign(&claims).unwrap())
    }

    /// Somebody whom the service does not know yet.
    pub fn stranger(&self, roles: &[Role]) -> Account {
        let user_id = UserId::at(self.clock.now());
        Account {
            user_id,
            client: self.signed_in(user_id, roles, Duration::from_hours(24)),
        }
    }

    /// Registers somebody and waits for the welcome in the list.
    pub async fn register(&self, name: &str, roles: &[Role]) -> Account {
        let account = self.stranger(roles);
        self.tell(1, samples::registered(account.user_id, name, roles))
            .await;
        self.wait_for_titles(&account, 1).await;
        account
    }

    /// A new customer called Ada.
    pub async fn customer(&self) -> Account {
        self.register("Ada", &[Role::Customer]).await
    }

    /// A new administrator.
    pub async fn admin(&self) -> Account {
        self.register("Admin", &[Role::Customer, Role::Admin]).await
    }

    /// Tells an event as its producer would.
    pub async fn tell(&self, version: u64, payload: impl Into<Payload>) -> EventId {
        let event = samples::event(version, payload);
        self.publish(&event).await;
        event.id
    }

    /// Tells this very event, perhaps again.
    pub async fn publish(&self, event: &Event) {
        let message = Message::from_event(event, None).unwrap();
        self.broker.publish(vec![message]).await.unwrap();
    }

    /// The titles of an account's notifications, the newest first, once there are so many.
    pub async fn wait_for_titles(&self, account: &Account, count: usize) -> Vec<String> {
        wait::until(&format!("{count} notifications"), || async {
            let list = account.client.get("/api/v1/me/notifications?limit=100");
            let list = list.await?.expect(200)?;
            let titles = list.body["data"].as_array().unwrap().iter();
            let titles: Vec<_> = titles
                .map(|told| told["title"].as_str().unwrap().to_owned())
                .collect();
            Ok((titles.len() >= count).then_some(titles))
        })
        .await
        .unwrap()
    }

    /// The delivery log, the newest first, once its states are these.
    pub async fn wait_for_states(
        &self,
        admin: &Account,
        query: &str,
        states: &[&str],
    ) -> Vec<Value> {
        wait::until(&format!("deliveries to be {states:?}"), || async {
            let path = format!("/api/v1/admin/notifications?limit=100{query}");
            let log = admin.client.get(&path).await?.expect(200)?;
            let log = log.body["data"].as_array().unwrap().clone();
            let found: Vec<_> = log.iter().map(|delivery| &delivery["state"]).collect();
            Ok((found == states).then_some(log))
        })
        .await
        .unwrap()
    }

    /// The page of metrics; all services of the process share it.
    pub async fn metrics(&self) -> String {
        let page = self.admin_port.request(reqwest::Method::GET, "/metrics");
        page.send().await.unwrap().text().await.unwrap()
    }

    pub fn maildir(&self) -> PathBuf {
        self.folder.join("mail")
    }

    /// The mails in the folder, once there are so many.
    pub async fn wait_for_mails(&self, count: usize) -> Vec<Mail> {
        let folder = self.maildir();
        wait::until(&format!("{count} mails"), || async {
            let mails = testkit::maildir::read(&folder)?;
            Ok((mails.len() >= count).then_some(mails))
        })
        .await
        .unwrap()
    }

    /// Ends the service in its phases; its folder stays.
    pub fn stop(mut self) -> BoxFuture<'static, TempDir> {
        Box::pin(async move {
            let kept = self.kept.take().unwrap();
            self.end().await;
            kept
        })
    }

    /// Ends the service in its phases.
    pub fn end(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.running.stop().await.unwrap();
            self.broker.close().await;
        })
    }
}

/// The status and code of a problem.
pub fn problem(reply: &Reply) -> (u16, &str) {
    let content_type = reply.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{reply:?}");
    (reply.status.as_u16(), reply.text("/code").unwrap())
}
