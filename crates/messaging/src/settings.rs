//! What can be set about the broker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use service_kit::settings::{Secret, TlsSettings, within};

/// A day, in milliseconds: more makes no sense for a deadline.
const DAY_MS: u64 = 86_400_000;

/// Where events are exchanged, and as whom. All but `url` is for RabbitMQ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerSettings {
    /// `amqp://[user[:password]@]host[:port]/[vhost]`, or `amqps://…` for TLS; the vhost `/` is written `%2f`. In the `shop`
    /// binary `embedded:///absolute/path.db`. Also set by `BROKER_URL`.
    pub url: String,
    /// The user; empty for the one in the URL.
    pub username: String,
    /// The user's password; empty for the one in the URL. Best from a file: `SHOP__BROKER__PASSWORD_FILE`.
    pub password: Secret,
    /// How the broker proves who it is, besides by the system's certificates, and the service too. The files are read anew
    /// for every connection.
    pub tls: TlsSettings,
    /// Seconds after which a broker that says nothing counts as gone, at the latest after twice as many. 1 to 600.
    #[serde(deserialize_with = "within::<_, 1, 600>")]
    pub heartbeat_s: u64,
    /// Milliseconds for making a connection, from looking the name up to the broker's welcome. 1 to a day.
    #[serde(deserialize_with = "within::<_, 1, DAY_MS>")]
    pub connect_timeout_ms: u64,
    /// Milliseconds for the broker's answer to a question on a connection that stands. 1 to a day.
    #[serde(deserialize_with = "within::<_, 1, DAY_MS>")]
    pub answer_timeout_ms: u64,
    /// Milliseconds between looks whether this service's queues and the exchange are still there. 100 to a day.
    #[serde(deserialize_with = "within::<_, 100, DAY_MS>")]
    pub topology_check_ms: u64,
}

impl Default for BrokerSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            username: String::new(),
            password: Secret::default(),
            tls: TlsSettings::default(),
            heartbeat_s: 10,
            connect_timeout_ms: 5_000,
            answer_timeout_ms: 10_000,
            topology_check_ms: 5_000,
        }
    }
}

impl BrokerSettings {
    /// The defaults, with a URL.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }

    pub(crate) fn topology_check(&self) -> Duration {
        Duration::from_millis(self.topology_check_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_makes_no_sense_is_refused_with_its_bounds() {
        let error =
            serde_json::from_str::<BrokerSettings>(r#"{"connect_timeout_ms":0}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("0 is not a whole number from 1 to 86400000"),
            "{error}"
        );
    }
}
