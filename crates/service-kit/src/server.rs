//! The HTTP server: HTTP/1.1 and HTTP/2 with prior knowledge on one port.

mod accept;
mod activity;
mod closing;
mod connection;
mod files;
mod service;
mod unread;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use tokio::net::TcpListener;

pub(crate) use self::accept::serve;
pub use self::service::HttpService;
use crate::settings::within;

/// Where a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// The address to listen at.
    pub host: IpAddr,
    /// The port for requests; 0 takes a free one.
    pub port: u16,
    /// The address of the admin port; it must not be reachable from outside.
    pub admin_host: IpAddr,
    /// The port for health and metrics; 0 takes a free one.
    pub admin_port: u16,
    /// How many proxies in front of this service are trusted to tell the client's address.
    pub trusted_hops: u8,
    /// Connections at a time; more wait to be accepted. At least one.
    #[serde(deserialize_with = "at_least_one")]
    pub max_connections: usize,
    /// Seconds a client may take for the head of a request, and an idle connection is kept (up to twice as long over
    /// HTTP/2). 1 second to a day.
    #[serde(deserialize_with = "within::<_, 1, 86_400>")]
    pub header_timeout_s: u64,
    /// Seconds a client may leave a reply unread before it is cut off. 1 second to a day.
    #[serde(deserialize_with = "within::<_, 1, 86_400>")]
    pub unread_timeout_s: u64,
}

/// None at all would mean a service that listens and never answers.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    NonZeroUsize::deserialize(deserializer).map(NonZeroUsize::get)
}

impl HttpSettings {
    /// The settings of a service at its usual port; the admin port is 6000 above.
    #[must_use]
    pub fn at_port(port: u16) -> Self {
        Self {
            port,
            admin_port: port.saturating_add(6000),
            ..Self::default()
        }
    }

    fn unread(&self) -> Duration {
        Duration::from_secs(self.unread_timeout_s.max(1))
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            admin_host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            admin_port: 0,
            trusted_hops: 0,
            max_connections: 10_000,
            header_timeout_s: 60,
            unread_timeout_s: 30,
        }
    }
}

/// A port cannot be listened at.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "port {port} for {service} is taken; stop what listens there, or set {setting} to another port"
    )]
    Taken {
        /// The port.
        port: u16,
        /// The service that wanted it.
        service: &'static str,
        /// The setting that names it.
        setting: String,
    },
    /// Any other reason.
    #[error("{service} cannot listen at {address}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The service that wanted it.
        service: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Listens at an address; `setting` is the name of the port's setting, for the error.
pub async fn bind(
    service: &'static str,
    host: IpAddr,
    port: u16,
    setting: &str,
) -> Result<TcpListener, BindError> {
    let address = SocketAddr::new(host, port);
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            BindError::Taken {
                port,
                service,
                setting: setting.to_owned(),
            }
        } else {
            BindError::Other {
                address,
                service,
                source,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_which_nothing_would_be_answered_are_refused() {
        for json in [
            r#"{"max_connections":0}"#,
            r#"{"header_timeout_s":0}"#,
            r#"{"unread_timeout_s":0}"#,
            r#"{"header_timeout_s":18446744073709551615}"#,
        ] {
            assert!(
                serde_json::from_str::<HttpSettings>(json).is_err(),
                "{json}"
            );
        }
        assert_eq!(
            serde_json::from_str::<HttpSettings>("{}").unwrap(),
            HttpSettings::default()
        );
    }
}
