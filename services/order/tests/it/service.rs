//! A running order service with a catalog, and tests in the parts of stock and of the product service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, SigningKeys, VerifierSettings};
use contracts::events::product::{ProductCreated, ProductSnapshot, ProductStatus};
use contracts::events::stock::{RejectedLine, RejectionCode, ReleaseOutcome};
use contracts::events::stock::{StockLine, StockRejected, StockReleased, StockReserved};
use contracts::{
    Clock, EventId, ManualClock, Money, OrderId, Payload, ProductId, Role, SessionId, Timestamp,
    UserId, topology,
};
use messaging::embedded::EmbeddedBroker;
use messaging::{Broker, Message};
use order::Settings;
use serde_json::{Value, json};
use service_kit::{HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use testkit::client::{Client, Reply};
use testkit::wait;

/// The service, and what a test needs to play the others.
pub struct Service {
    pub broker: Arc<dyn Broker>,
    pub clock: Arc<ManualClock>,
    pub anonymous: Client,
    keys: SigningKeys,
    lifecycle: Lifecycle,
    running: Running,
    _folder: tempfile::TempDir,
}

/// How a service differs from the usual one.
#[derive(Default)]
pub struct Setup {
    pub broker: Option<Arc<dyn Broker>>,
    pub outbox_cap: Option<u64>,
    pub user_service: Option<String>,
}

/// A service that knows a mug (12.99 €), a cup (5 €), a tie (9 $), a palace beyond price and an archived pot.
pub async fn start() -> Service {
    let service = start_with(Setup::default()).await;
    service.fill_catalog().await;
    service
}

/// A service with an empty catalog.
pub async fn start_with(setup: Setup) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let broker = match setup.broker {
        Some(broker) => broker,
        None => EmbeddedBroker::open(&folder.path().join("broker.db"))
            .await
            .unwrap(),
    };
    broker.declare(topology::BINDINGS).await.unwrap();
    let pem = SigningKeys::generate_pem().unwrap();
    let keys = SigningKeys::from_pem(&pem, None).unwrap();
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks()).unwrap()).unwrap();

    let mut settings = Settings {
        http: HttpSettings::default(),
        ..Settings::default()
    };
    settings.store.url = format!("sqlite://{}", folder.path().join("order.db").display());
    settings.auth.jwks = jwks.display().to_string();
    if let Some(cap) = setup.outbox_cap {
        settings.outbox.cap = cap;
    }
    if let Some(url) = setup.user_service {
        settings.user_service.url = url;
    }
    let clock = Arc::new(ManualClock::at(crate::contract::start()));
    let lifecycle = Lifecycle::new("order", LifecycleSettings::default());
    let runtime = Runtime {
        clock: clock.clone(),
        lifecycle: lifecycle.clone(),
        metrics: Metrics::install(),
    };
    let app = order::build(settings, runtime, Arc::clone(&broker), order::store::open)
        .await
        .unwrap();
    let anonymous = Client::new(&app.address().to_string()).unwrap();
    Service {
        broker,
        clock,
        anonymous,
        keys,
        lifecycle,
        running: app.start(),
        _folder: folder,
    }
}

impl Service {
    /// Somebody new who is signed in with these roles.
    pub fn signed_in(&self, roles: &[Role]) -> Client {
        let user_id = UserId::at(self.clock.now());
        self.anonymous.with_token(&self.token(user_id, roles))
    }

    /// A new customer.
    pub fn customer(&self) -> Client {
        self.signed_in(&[Role::Customer])
    }

    /// A new administrator.
    pub fn admin(&self) -> Client {
        self.signed_in(&[Role::Customer, Role::Admin])
    }

    /// An access token.
    pub fn token(&self, user_id: UserId, roles: &[Role]) -> String {
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
            exp: now.plus(Duration::from_hours(24)).unix_seconds(),
        };
        self.keys.sign(&claims).unwrap()
    }

    /// Tells an event as its producer would.
    pub async fn tell(&self, version: u64, payload: impl Into<Payload>) {
        let message = message(self.clock.now(), version, &payload.into());
        self.broker.publish(vec![message]).await.unwrap();
    }

    /// Tells the usual products, and waits until the service has heard of them.
    pub async fn fill_catalog(&self) {
        use ProductStatus::{Active, Archived};
        for (sku, amount, currency, status) in [
            ("POT", 900, "EUR", Archived),
            ("CUP", 500, "EUR", Active),
            ("TIE", 900, "USD", Active),
            ("PALACE", i64::MAX, "EUR", Active),
            ("MUG", 1299, "EUR", Active),
        ] {
            let now = self.clock.now();
            let product = product(now, sku, amount, currency, status);
            self.tell(1, ProductCreated { product }).await;
        }
        for (number, sku) in ["POT", "CUP", "TIE", "PALACE", "MUG"].iter().enumerate() {
            self.wait_for_sku(&number.to_string(), sku).await;
        }
    }

    /// Waits until the service has heard of a product. Asks for too much of it, so that no order is placed.
    async fn wait_for_sku(&self, key: &str, sku: &str) {
        let customer = self.customer();
        let probe = json!({"items": [{"sku": sku, "quantity": 1}, {"sku": "NO", "quantity": 1}]});
        wait::until("the catalog", || async {
            let reply = customer.post_once("/api/v1/orders", key, &probe).await?;
            let unknown = reply.body["errors"].as_array().map_or(0, Vec::len);
            Ok((reply.status == 422 && unknown == 1).then_some(()))
        })
        .await
        .unwrap();
    }

    /// Places two mugs and a cup.
    pub async fn placed(&self, customer: &Client) -> OrderId {
        let key = format!("key-{}", EventId::at(self.clock.now()));
        let body = two_mugs_and_a_cup();
        let reply = customer.post_once("/api/v1/orders", &key, &body).await;
        let reply = reply.unwrap().expect(201).unwrap();
        reply.text("/id").unwrap().parse().unwrap()
    }

    /// Places two mugs and a cup and lets stock hold them.
    pub async fn confirmed(&self, customer: &Client) -> OrderId {
        let order_id = self.placed(customer).await;
        self.tell(1, reserved(order_id)).await;
        self.wait_for_status(customer, order_id, "confirmed").await;
        order_id
    }

    /// The order as its customer sees it, once it has a status.
    pub async fn wait_for_status(&self, customer: &Client, id: OrderId, status: &str) -> Value {
        wait::until(&format!("{id} to be {status}"), || async {
            let order = customer.get(&format!("/api/v1/orders/{id}")).await?;
            let order = order.expect(200)?.body;
            Ok((order["status"] == status).then_some(order))
        })
        .await
        .unwrap()
    }

    /// Answers every question to stock: lines of cups are rejected, all others are held.
    pub fn play_stock(&self) {
        let (broker, clock) = (Arc::clone(&self.broker), Arc::clone(&self.clock));
        let draining = self.lifecycle.token();
        self.lifecycle.spawn("stock", async move {
            let queue = topology::PRODUCT_ORDERS;
            let mut questions = broker.subscribe(queue, 64).await.unwrap();
            while let Some(question) = draining.run_until_cancelled(questions.next()).await {
                let question = question.unwrap();
                let event = question.message.decode().unwrap();
                if let Some(answer) = stocks_answer(event.payload) {
                    let message = message(clock.now(), 1, &answer);
                    broker.publish(vec![message]).await.unwrap();
                }
                question.ack().await.unwrap();
            }
        });
    }

    /// Ends the service in its phases.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

fn stocks_answer(question: Payload) -> Option<Payload> {
    match question {
        Payload::OrderPlaced(placed) => {
            let order_id = placed.order.order_id;
            let cup = "CUP".parse().unwrap();
            let wants_cup = placed.order.lines.iter().any(|line| line.sku == cup);
            Some(if wants_cup {
                rejected(order_id).into()
            } else {
                reserved(order_id).into()
            })
        }
        Payload::OrderCancelRequested(asked) => Some(released(asked.order_id).into()),
        _ => None,
    }
}

/// A message that carries a payload.
pub fn message(now: Timestamp, version: u64, payload: &Payload) -> Message {
    let event_type = payload.event_type();
    Message {
        id: EventId::at(now).to_string(),
        event_type: event_type.as_str().to_owned(),
        correlation_id: "test".to_owned(),
        aggregate_version: version,
        occurred_at: now,
        producer: event_type.producer().as_str().to_owned(),
        traceparent: None,
        body: payload.to_json().unwrap(),
    }
}

/// A product in euros.
pub fn eur_product(sku: &str, amount: i64) -> ProductSnapshot {
    let now = crate::contract::start();
    product(now, sku, amount, "EUR", ProductStatus::Active)
}

fn product(
    now: Timestamp,
    sku: &str,
    amount: i64,
    currency: &str,
    status: ProductStatus,
) -> ProductSnapshot {
    ProductSnapshot {
        product_id: ProductId::at(now),
        sku: sku.parse().unwrap(),
        slug: sku.to_lowercase(),
        title: format!("The {sku}"),
        description: String::new(),
        category: None,
        price: Money::new(amount, currency.parse().unwrap()),
        status,
        attributes: BTreeMap::new(),
    }
}

/// Stock holds the order's lines.
pub fn reserved(order_id: OrderId) -> StockReserved {
    StockReserved {
        order_id,
        lines: Vec::<StockLine>::new(),
        held_until: crate::contract::start().plus(Duration::from_hours(2)),
    }
}

/// Stock is short of cups.
pub fn rejected(order_id: OrderId) -> StockRejected {
    StockRejected {
        order_id,
        lines: vec![RejectedLine {
            sku: "CUP".parse().unwrap(),
            code: RejectionCode::InsufficientStock,
        }],
    }
}

/// Stock holds nothing for the order any more.
pub fn released(order_id: OrderId) -> StockReleased {
    StockReleased {
        order_id,
        outcome: ReleaseOutcome::Released,
    }
}

/// What most tests order.
pub fn two_mugs_and_a_cup() -> Value {
    json!({"items": [{"sku": "MUG", "quantity": 2}, {"sku": "CUP", "quantity": 1}]})
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
