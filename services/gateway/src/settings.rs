//! What can be set.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use service_kit::cli::ServiceSettings;
use service_kit::telemetry::LogSettings;
use service_kit::{HttpSettings, LifecycleSettings};

/// The settings of the gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub http: HttpSettings,
    /// How it ends.
    pub shutdown: LifecycleSettings,
    /// How it logs.
    pub log: LogSettings,
    /// How access tokens are verified.
    pub auth: access_token::VerifierSettings,
    /// The services by name: the four of the shop, and any others.
    pub upstreams: BTreeMap<String, UpstreamSettings>,
    /// A YAML file that replaces or extends the routes of the binary.
    pub routes_file: Option<PathBuf>,
    /// Connections to the services.
    pub pool: PoolSettings,
    /// What holds where a route says nothing else.
    pub limits: LimitSettings,
    /// How often one caller may ask.
    pub rate_limit: RateLimitSettings,
    /// Which web pages of other origins may use the API.
    pub cors: CorsSettings,
    /// Which requests are logged.
    pub access_log: AccessLogSettings,
    /// The merged description of the API.
    pub openapi: OpenApiSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let ours = |name: &str, port: u16| (name.to_owned(), UpstreamSettings::at_port(port));
        Self {
            http: HttpSettings::at_port(3000),
            shutdown: LifecycleSettings::default(),
            log: LogSettings::default(),
            auth: access_token::VerifierSettings::default(),
            upstreams: BTreeMap::from([
                ours("user", 3001),
                ours("product", 3002),
                ours("order", 3003),
                ours("notification", 3004),
            ]),
            routes_file: None,
            pool: PoolSettings::default(),
            limits: LimitSettings::default(),
            rate_limit: RateLimitSettings::default(),
            cors: CorsSettings::default(),
            access_log: AccessLogSettings::default(),
            openapi: OpenApiSettings::default(),
        }
    }
}

impl ServiceSettings for Settings {
    fn log(&self) -> &LogSettings {
        &self.log
    }

    fn shutdown(&self) -> LifecycleSettings {
        self.shutdown
    }

    fn http(&self) -> &HttpSettings {
        &self.http
    }
}

/// A service to forward to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamSettings {
    /// `http://host:port`, without a path.
    pub url: String,
    /// Its admin port, whose `/readyz` `/healthz` tells of; empty: its health is not watched.
    pub admin_url: String,
    /// What it speaks.
    pub protocol: Protocol,
}

impl UpstreamSettings {
    /// One of our services on this machine; its admin port is 6000 above.
    #[must_use]
    pub fn at_port(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            admin_url: format!("http://127.0.0.1:{}", port.saturating_add(6000)),
            protocol: Protocol::H2c,
        }
    }
}

/// What a service speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/2 with prior knowledge, as all services built on `service-kit` do.
    #[default]
    H2c,
    /// HTTP/1.1.
    Http1,
}

/// Connections to one service.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Milliseconds to wait for a connection.
    pub connect_timeout_ms: u64,
    /// Seconds a connection takes new requests, so that new replicas get their share.
    pub connection_life_s: u64,
    /// Requests at a time on one HTTP/2 connection; past that another is opened.
    pub streams_per_connection: usize,
    /// Connections to one service at a time.
    pub max_connections: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 1_000,
            connection_life_s: 60,
            streams_per_connection: 200,
            max_connections: 64,
        }
    }
}

/// What holds where a route says nothing else.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Milliseconds until a service must have answered completely.
    pub timeout_ms: u64,
    /// Bytes of a request's body.
    pub max_body_bytes: u64,
    /// Bytes of a request's headers, names and values.
    pub max_header_bytes: usize,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            timeout_ms: 30_000,
            max_body_bytes: 1024 * 1024,
            max_header_bytes: 32 * 1024,
        }
    }
}

/// How often one caller may ask: an account if signed in, else an address (of IPv6 its /64 network).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitSettings {
    /// Whether requests are counted at all, those of routes with a limit of their own included.
    pub enabled: bool,
    /// Requests in a window.
    pub requests: u32,
    /// Seconds of a window.
    pub window_s: u32,
    /// Requests at once.
    pub burst: u32,
    /// Callers that are told apart; past that newcomers share 4096 places.
    pub max_callers: usize,
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            requests: 6_000,
            window_s: 60,
            burst: 1_000,
            max_callers: 100_000,
        }
    }
}

/// Which web pages of other origins may use the API.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CorsSettings {
    /// Exact origins, such as `https://shop.example`; none: CORS is off.
    pub origins: Vec<String>,
    /// Seconds a browser may remember the answer to a preflight.
    pub max_age_s: u32,
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            max_age_s: 600,
        }
    }
}

/// Which requests are logged. Those that failed here (5xx) always are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLogSettings {
    /// One request in so many; 0: none.
    pub every: u64,
}

impl Default for AccessLogSettings {
    fn default() -> Self {
        Self { every: 1_000 }
    }
}

/// The merged description of the API.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenApiSettings {
    /// Seconds between two looks at the services' descriptions.
    pub refresh_s: u64,
}

impl Default for OpenApiSettings {
    fn default() -> Self {
        Self { refresh_s: 30 }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting `{key}`: {message}")]
pub struct InvalidSetting {
    /// Its path.
    pub key: String,
    /// What would make sense.
    pub message: String,
}

impl InvalidSetting {
    pub(crate) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
        }
    }
}

impl Settings {
    /// Refuses numbers that make no sense, naming the first.
    pub(crate) fn check(&self) -> Result<(), InvalidSetting> {
        let numbers = [
            ("pool.connect_timeout_ms", self.pool.connect_timeout_ms == 0),
            ("pool.connection_life_s", self.pool.connection_life_s == 0),
            (
                "pool.streams_per_connection",
                self.pool.streams_per_connection == 0,
            ),
            ("pool.max_connections", self.pool.max_connections == 0),
            ("limits.timeout_ms", self.limits.timeout_ms == 0),
            ("limits.max_body_bytes", self.limits.max_body_bytes == 0),
            ("limits.max_header_bytes", self.limits.max_header_bytes == 0),
            ("rate_limit.requests", self.rate_limit.requests == 0),
            ("rate_limit.window_s", self.rate_limit.window_s == 0),
            ("rate_limit.burst", self.rate_limit.burst == 0),
            ("rate_limit.max_callers", self.rate_limit.max_callers == 0),
            ("openapi.refresh_s", self.openapi.refresh_s == 0),
        ];
        if let Some((key, _)) = numbers.into_iter().find(|(_, zero)| *zero) {
            return Err(InvalidSetting::new(key, "must be at least 1"));
        }
        // The services' server takes 1000 streams on a connection; what waits for a place looks like a slow service.
        if self.pool.streams_per_connection > 1_000 {
            return Err(InvalidSetting::new(
                "pool.streams_per_connection",
                "must be at most 1000",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_makes_no_sense_is_named() {
        assert_eq!(Settings::default().check(), Ok(()));
        let mut settings = Settings::default();
        settings.rate_limit.burst = 0;
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "setting `rate_limit.burst`: must be at least 1"
        );
        let mut settings = Settings::default();
        settings.pool.streams_per_connection = 5_000;
        assert_eq!(
            settings.check().unwrap_err().to_string(),
            "setting `pool.streams_per_connection`: must be at most 1000"
        );
    }
}
