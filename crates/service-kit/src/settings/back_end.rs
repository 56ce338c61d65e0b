//! Where a back-end is, and how it is reached.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Secret, within};

/// A store or a broker, by URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackEndSettings {
    /// The URL; its scheme names the kind of back-end. Also set by `STORE_URL` or `BROKER_URL`.
    pub url: String,
}

/// A service's store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The URL; its scheme names the engine. Also set by `STORE_URL`.
    pub url: String,
    /// Who signs in, if the URL does not say; it wins over the URL.
    pub username: String,
    /// Their password; it wins over the URL.
    pub password: Secret,
    /// The database on a server; it wins over the URL, so that one URL can serve several services. Whoever is set beside it
    /// is known there.
    pub database: String,
    /// How the server proves who it is, and the service too. Without it the URL decides whether TLS is used.
    pub tls: TlsSettings,
    /// Connections to a server.
    pub pool: PoolSettings,
}

/// TLS to a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM certificates of the authorities that vouch for the server. If set, nothing is sent without TLS, and the server's
    /// name and certificate are checked.
    pub ca_file: PathBuf,
    /// The service's own certificate, PEM.
    pub certificate_file: PathBuf,
    /// The key of that certificate, PEM.
    pub key_file: PathBuf,
}

impl TlsSettings {
    /// The authorities' file, if there is one. A setting that is set to nothing names no file.
    #[must_use]
    pub fn ca_file(&self) -> Option<&std::path::Path> {
        named(&self.ca_file)
    }

    /// The service's own certificate and its key, if there are any.
    #[must_use]
    pub fn identity(&self) -> Option<(&std::path::Path, &std::path::Path)> {
        named(&self.certificate_file).zip(named(&self.key_file))
    }
}

fn named(path: &std::path::Path) -> Option<&std::path::Path> {
    (!path.as_os_str().is_empty()).then_some(path)
}

/// Connections to a server that keeps a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolSettings {
    /// Connections at most. 1 to 1000.
    #[serde(deserialize_with = "within::<_, 1, 1000>")]
    pub max: u64,
    /// Milliseconds that a command may wait for a connection, a new one included, before it is refused. 100 to 60000.
    #[serde(deserialize_with = "within::<_, 100, 60_000>")]
    pub wait_ms: u64,
    /// Milliseconds that one statement may take. 100 to 600000.
    #[serde(deserialize_with = "within::<_, 100, 600_000>")]
    pub statement_ms: u64,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max: 20,
            wait_ms: 2_000,
            statement_ms: 10_000,
        }
    }
}
