//! A running gateway, and who uses it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access_token::{Claims, SigningKeys, VerifierSettings};
use contracts::{Clock as _, Role, SessionId, SystemClock, UserId};
use gateway::Settings;
use gateway::settings::{Protocol, UpstreamSettings};
use serde_json::Value;
use service_kit::{HttpSettings, Lifecycle, LifecycleSettings, Metrics, Running, Runtime};
use testkit::client::{Client, Reply};

use crate::fakes::Fake;

/// The routes of most tests; all lead to `one`.
pub const ROUTES: &str = r#"
mode: replace
routes:
  - { path: "/open/{*rest}", methods: [GET, POST, PUT, DELETE], upstream: one, access: public }
  - { path: "/mine", methods: [GET, POST], upstream: one, access: signed_in }
  - { path: "/staff", methods: [GET], upstream: one, access: { roles: [support, catalog] } }
  - { path: "/small", methods: [POST], upstream: one, access: public, max_body_bytes: 1000, max_header_bytes: 2000 }
  - { path: "/brief", methods: [GET, POST], upstream: one, access: public, timeout_ms: 3000 }
  - { path: "/events", methods: [GET], upstream: one, access: public, timeout_ms: 3000, streaming: true }
"#;

/// A gateway that is being set up.
pub struct Setup {
    pub settings: Settings,
    folder: tempfile::TempDir,
    keys: SigningKeys,
}

/// A gateway that runs.
pub struct Shop {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub anonymous: Client,
    keys: SigningKeys,
    running: Running,
    _folder: tempfile::TempDir,
}

/// A gateway on free ports that knows no service yet.
pub fn setup(routes: &str) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let pem = SigningKeys::generate_pem().unwrap();
    let keys = SigningKeys::from_pem(&pem, None).unwrap();
    let jwks = folder.path().join("jwks.json");
    std::fs::write(&jwks, serde_json::to_vec(&keys.jwks()).unwrap()).unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, routes).unwrap();
    let mut settings = Settings {
        http: HttpSettings::default(),
        routes_file: Some(file),
        ..Settings::default()
    };
    settings.auth.jwks = jwks.display().to_string();
    settings.upstreams.clear();
    Setup {
        settings,
        folder,
        keys,
    }
}

/// A gateway with [`ROUTES`] in front of this service.
pub async fn in_front_of(one: &Fake) -> Shop {
    setup(ROUTES).upstream("one", one.address).start().await
}

impl Setup {
    /// With a service that speaks HTTP/2.
    pub fn upstream(self, name: &str, address: SocketAddr) -> Self {
        self.upstream_with(name, address, Protocol::H2c, String::new())
    }

    /// With a service that speaks HTTP/1.1.
    pub fn http1_upstream(self, name: &str, address: SocketAddr) -> Self {
        self.upstream_with(name, address, Protocol::Http1, String::new())
    }

    /// With a service whose health is watched.
    pub fn watched(self, name: &str, fake: &Fake) -> Self {
        let admin = format!("http://{}", fake.admin);
        self.upstream_with(name, fake.address, Protocol::H2c, admin)
    }

    pub fn upstream_with(
        mut self,
        name: &str,
        address: SocketAddr,
        protocol: Protocol,
        admin_url: String,
    ) -> Self {
        let upstream = UpstreamSettings {
            url: format!("http://{address}"),
            admin_url,
            protocol,
        };
        self.settings.upstreams.insert(name.to_owned(), upstream);
        self
    }

    /// With other settings.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Why it cannot start, in one line; the routes file is called `routes.yaml`.
    pub async fn error(self) -> String {
        let folder = format!("{}/", self.folder.path().display());
        match gateway::build(self.settings, runtime(LifecycleSettings::default())).await {
            Ok(_) => "it starts".to_owned(),
            Err(error) => service_kit::error_chain(&error).replace(&folder, ""),
        }
    }

    pub async fn start(self) -> Shop {
        let runtime = runtime(self.settings.shutdown);
        let app = gateway::build(self.settings, runtime).await.unwrap();
        Shop {
            address: app.address(),
            admin: app.admin_address(),
            anonymous: Client::new(&app.address().to_string()).unwrap(),
            keys: self.keys,
            running: app.start(),
            _folder: self.folder,
        }
    }
}

fn runtime(shutdown: LifecycleSettings) -> Runtime {
    Runtime {
        clock: Arc::new(SystemClock),
        lifecycle: Lifecycle::new("gateway", shutdown),
        metrics: Metrics::install(),
    }
}

impl Shop {
    /// Somebody new who is signed in with these roles.
    pub fn signed_in(&self, roles: &[Role]) -> Client {
        self.anonymous.with_token(&self.token(roles))
    }

    /// A token of somebody new.
    pub fn token(&self, roles: &[Role]) -> String {
        self.keys.sign(&claims(roles)).unwrap()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Claims) -> String {
        self.keys.sign(claims).unwrap()
    }

    /// Ends the gateway in its phases.
    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }
}

/// The claims of somebody new who is signed in for an hour.
pub fn claims(roles: &[Role]) -> Claims {
    let now = SystemClock.now();
    let verifier = VerifierSettings::default();
    Claims {
        iss: verifier.issuer,
        aud: verifier.audience,
        sub: UserId::at(now),
        sid: SessionId::at(now),
        jti: "test".to_owned(),
        roles: roles.to_vec(),
        iat: now.unix_seconds(),
        exp: now.plus(Duration::from_hours(1)).unix_seconds(),
    }
}

/// The status and code of a problem.
pub fn problem(reply: &Reply) -> (u16, String) {
    let content_type = reply.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{reply:?}");
    let request_id = reply.text("/request_id").unwrap();
    assert_eq!(reply.header("x-request-id"), Some(request_id));
    let code = reply.text("/code").unwrap();
    (reply.status.as_u16(), code.to_owned())
}

/// A status and a code.
pub fn just(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// Who answered, or with what status.
pub fn answered_by(reply: &Reply) -> Result<&str, u16> {
    match &reply.body {
        Value::Object(body) if reply.status == 200 => Ok(body["service"].as_str().unwrap()),
        _ => Err(reply.status.as_u16()),
    }
}
