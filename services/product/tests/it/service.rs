//! A running product service, and tests in the parts of people and of the order service.

use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, SigningKeys, VerifierSettings};
use contracts::{Clock, EventId, ManualClock, OrderId, Payload, Role, SessionId, UserId, topology};
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, Message};
use product::Settings;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::settings::StoreSettings;
use service_kit::{HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use testkit::client::{Client, Reply, send};
use testkit::contract::Guard;
use testkit::wait;

use crate::contract::{body, start as start_time};
use crate::sqlite::url;

/// The service, and what a test needs to play the others.
pub struct Service {
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<ManualClock>,
    pub anonymous: Client,
    keys: SigningKeys,
    running: Running,
    _folder: tempfile::TempDir,
    _guard: Guard,
}

/// A service with an empty catalog in a file of its own.
pub async fn start() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreSettings {
        url: url(&folder.path().join("product.db")),
        ..StoreSettings::default()
    };
    start_on(store, Box::new(folder)).await
}

/// A service on this store, which the guard keeps.
pub async fn start_on(store: StoreSettings, guard: Guard) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broker.db");
    let broker: Arc<dyn Broker> = EmbeddedBroker::open(&path).await.unwrap();
    broker.declare(topology::BINDINGS).await.unwrap();
    let pem = SigningKeys::generate_pem().unwrap();
    let keys = SigningKeys::from_pem(&pem, None).unwrap();
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks()).unwrap()).unwrap();

    let mut settings = Settings {
        http: HttpSettings::default(),
        store,
        ..Settings::default()
    };
    settings.auth.jwks = jwks.display().to_string();
    settings.stock.sweep_s = 1;
    let clock = Arc::new(ManualClock::at(start_time()));
    let runtime = Runtime {
        clock: clock.clone(),
        lifecycle: Lifecycle::new("product", LifecycleSettings::default()),
        metrics: Metrics::install(),
    };
    let app = product::build(settings, runtime, Arc::clone(&broker), product::store::open);
    let app = app.await.unwrap();
    Service {
        broker,
        clock,
        anonymous: Client::new(&app.address().to_string()).unwrap(),
        keys,
        running: app.start(),
        _folder: folder,
        _guard: guard,
    }
}

impl Service {
    /// Somebody new who is signed in with these roles.
    pub fn signed_in(&self, roles: &[Role]) -> Client {
        let now = self.clock.now();
        let verifier = VerifierSettings::default();
        let claims = Claims {
            iss: verifier.issuer,
            aud: verifier.audience,
            sub: UserId::at(now),
            sid: SessionId::at(now),
            jti: "test".to_owned(),
            roles: roles.to_vec(),
            iat: now.unix_seconds(),
            exp: now.plus(Duration::from_hours(24)).unix_seconds(),
        };
        self.anonymous.with_token(&self.keys.sign(&claims).unwrap())
    }

    /// Somebody new who looks after the catalog.
    pub fn keeper(&self) -> Client {
        self.signed_in(&[Role::Catalog])
    }

    /// A product at ten euros, as the API shows it.
    pub async fn product(&self, sku: &str, stock: u32) -> Value {
        self.create(&body(sku, 1_000, stock)).await
    }

    /// A product, as the API shows it.
    pub async fn create(&self, product: &Value) -> Value {
        let keeper = self.keeper();
        let reply = keeper.post("/api/v1/admin/products", product).await;
        self.clock.advance(Duration::from_millis(1));
        reply.unwrap().expect(201).unwrap().body
    }

    /// Tells an event as the order service would; returns its message.
    pub async fn tell(&self, payload: impl Into<Payload>) -> Message {
        let payload = payload.into();
        let event_type = payload.event_type();
        let message = Message {
            id: EventId::at(self.clock.now()).to_string(),
            event_type: event_type.as_str().to_owned(),
            correlation_id: "test".to_owned(),
            aggregate_version: 1,
            occurred_at: self.clock.now(),
            producer: event_type.producer().as_str().to_owned(),
            traceparent: None,
            body: payload.to_json().unwrap(),
        };
        self.broker.publish(vec![message.clone()]).await.unwrap();
        message
    }

    /// Waits until stock is what it should be.
    pub async fn wait_for_stock(&self, sku: &str, expected: (i64, i64, i64)) {
        let keeper = self.keeper();
        let what = format!("the stock of {sku} to be {expected:?}");
        wait::until(&what, || async {
            let path = format!("/api/v1/admin/inventory/{sku}");
            let stock = keeper.get(&path).await?.expect(200)?;
            let now = (
                stock.number("/available")?,
                stock.number("/reserved")?,
                stock.number("/sold")?,
            );
            Ok((now == expected).then_some(()))
        })
        .await
        .unwrap();
    }

    /// The next answers of stock about an order, as the order service would hear them.
    pub async fn answers(&self, count: usize) -> Vec<(OrderId, Payload)> {
        let queue = topology::ORDER_STOCK;
        let mut subscription = self.broker.subscribe(queue, 8).await.unwrap();
        let mut answers = Vec::new();
        while answers.len() < count {
            let next = tokio::time::timeout(wait::PATIENCE, subscription.next());
            let delivery = next.await.unwrap().unwrap();
            let event = delivery.message.decode().unwrap();
            let id = event.correlation_id.parse().unwrap();
            delivery.ack().await.unwrap();
            answers.push((id, event.payload));
        }
        answers
    }

    /// Ends the service in its phases.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// A change with the tag it was made from.
pub async fn patch(client: &Client, path: &str, tag: Option<&str>, change: &Value) -> Reply {
    let request = client.request(Method::PATCH, path).json(change);
    send(with_tag(request, tag)).await.unwrap()
}

/// A deletion with the tag it was made from.
pub async fn delete(client: &Client, path: &str, tag: Option<&str>) -> Reply {
    send(with_tag(client.request(Method::DELETE, path), tag))
        .await
        .unwrap()
}

fn with_tag(request: reqwest::RequestBuilder, tag: Option<&str>) -> reqwest::RequestBuilder {
    match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    }
}

/// An adjustment of stock.
pub async fn adjust(client: &Client, sku: &str, key: &str, quantity: i64) -> Reply {
    let path = format!("/api/v1/admin/inventory/{sku}/adjustments");
    let body = json!({"quantity": quantity, "reason": "counted"});
    client.post_once(&path, key, &body).await.unwrap()
}

/// The skus of a page.
pub fn skus(page: &Reply) -> Vec<&str> {
    assert_eq!(page.status, 200, "{page:?}");
    let products = page.body["data"].as_array().unwrap().iter();
    products
        .map(|product| product["sku"].as_str().unwrap())
        .collect()
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

/// A problem with these fields.
pub fn fields(status: u16, code: &str, pointers: &[&str]) -> (u16, String, Vec<String>) {
    let pointers = pointers.iter().map(|&pointer| pointer.to_owned()).collect();
    (status, code.to_owned(), pointers)
}

/// A problem without fields.
pub fn just(status: u16, code: &str) -> (u16, String, Vec<String>) {
    fields(status, code, &[])
}
