//! `BROKER_URL`: the one place that chooses a broker.

use std::path::PathBuf;
use std::sync::Arc;

use service_kit::Lifecycle;

use crate::broker::Broker;
use crate::rabbitmq::RabbitBroker;
use crate::settings::BrokerSettings;

/// Why a broker URL, or a setting beside it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A service that runs alone was told of no broker.
    #[error(
        "BROKER_URL is not set: a service started alone needs a broker that other processes reach; set it to \
         amqp://user@host:5672/vhost, or start the service in the `shop` binary (`shop --only <service>`)"
    )]
    NotSet,
    /// The embedded broker was asked for by a service that runs alone.
    #[error(
        "BROKER_URL is embedded://, whose queues live inside one process: it works in the `shop` binary only; \
         start the service there (`shop --only <service>`), or set BROKER_URL to amqp://user@host:5672/vhost"
    )]
    EmbeddedAlone,
    /// Another scheme than the one binary can use.
    #[error(
        "BROKER_URL has the scheme `{0}`, which the `shop` binary does not support: it runs the broker itself; write \
         embedded:///absolute/path.db"
    )]
    Scheme(String),
    /// Another scheme than a service can use.
    #[error(
        "BROKER_URL has the scheme `{0}`, which is of no broker there is; write amqp://user@host:5672/vhost, or amqps:// \
         for TLS"
    )]
    UnknownScheme(String),
    /// No path.
    #[error("BROKER_URL names no absolute path; write it as embedded:///absolute/path.db")]
    Path,
    /// The URL of RabbitMQ is malformed. It is not repeated: it may hold a password.
    #[error("BROKER_URL is not of the form amqp://user:password@host:5672/vhost: {0}")]
    Url(String),
    /// The URL wants frames that are too small.
    #[error(
        "BROKER_URL has frame_max={asked}, and RabbitMQ takes no less than {least}; leave it out for the least memory"
    )]
    Frames {
        /// Bytes, as the URL has it.
        asked: u32,
        /// Bytes, as it may be.
        least: u32,
    },
    /// A file with certificates or a key cannot be read.
    #[error("{setting} names {}, which cannot be read", path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Only one half of a client's certificate is set.
    #[error("broker.tls.certificate_file and broker.tls.key_file are set both or not at all")]
    HalfAnIdentity,
    /// TLS is set up, and the URL goes without.
    #[error("broker.tls is set, but BROKER_URL is amqp://, which goes without TLS; write amqps://")]
    PlainUrl,
}

/// The file that `embedded:///absolute/path.db` names. For `shop`, which runs the broker.
pub fn embedded_path(url: &str) -> Result<PathBuf, ConnectError> {
    match url.split_once("://") {
        Some(("embedded", path)) if path.starts_with('/') && path.len() > 1 => {
            Ok(PathBuf::from(path))
        }
        Some(("embedded", _)) | None => Err(ConnectError::Path),
        Some((scheme, _)) => Err(ConnectError::Scheme(scheme.to_owned())),
    }
}

/// The broker of a service that runs alone. It never falls back to another. It returns at once: the connection is made
/// in the background, as a task of the service's life, and again whenever it breaks.
pub fn connect(
    settings: &BrokerSettings,
    service: &'static str,
    lifecycle: &Lifecycle,
) -> Result<Arc<dyn Broker>, ConnectError> {
    match settings.url.split_once("://") {
        Some(("amqp" | "amqps", _)) => Ok(RabbitBroker::connect(settings, service, lifecycle)?),
        Some(("embedded", _)) => Err(ConnectError::EmbeddedAlone),
        Some((scheme, _)) => Err(ConnectError::UnknownScheme(scheme.to_owned())),
        None if settings.url.is_empty() => Err(ConnectError::NotSet),
        None => Err(ConnectError::Url("there is no scheme".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use service_kit::LifecycleSettings;
    use service_kit::settings::TlsSettings;

    use super::*;

    fn refusal(url: &str) -> String {
        let life = Lifecycle::new("test", LifecycleSettings::default());
        match connect(&BrokerSettings::at(url), "test", &life) {
            Ok(broker) => panic!("{url} is taken as {}", broker.kind()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_an_embedded_broker_with_a_path_is_one_of_the_shops() {
        assert_eq!(
            embedded_path("embedded:///d/broker.db").unwrap(),
            PathBuf::from("/d/broker.db")
        );
        for url in ["embedded://", "broker.db"] {
            assert!(matches!(embedded_path(url), Err(ConnectError::Path)));
        }
        assert_eq!(
            embedded_path("amqp://user:secret@host")
                .unwrap_err()
                .to_string(),
            "BROKER_URL has the scheme `amqp`, which the `shop` binary does not support: it runs the broker itself; write \
             embedded:///absolute/path.db"
        );
    }

    #[test]
    fn a_service_alone_is_told_which_urls_it_can_use() {
        assert!(refusal("").starts_with("BROKER_URL is not set"));
        assert!(refusal("embedded:///d/broker.db").starts_with("BROKER_URL is embedded://"));
        assert_eq!(
            refusal("kafka://user:secret@host"),
            "BROKER_URL has the scheme `kafka`, which is of no broker there is; write amqp://user@host:5672/vhost, or amqps:// \
             for TLS"
        );
        let malformed = refusal("amqp://user:secret@host:port");
        assert!(!malformed.contains("secret"), "{malformed}");
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_named() {
        let life = Lifecycle::new("test", LifecycleSettings::default());
        let settings = BrokerSettings {
            tls: TlsSettings {
                ca_file: PathBuf::from("/nowhere/ca.pem"),
                ..TlsSettings::default()
            },
            ..BrokerSettings::at("amqps://host")
        };
        let error = connect(&settings, "test", &life).err().unwrap();
        assert_eq!(
            error.to_string(),
            "broker.tls.ca_file names /nowhere/ca.pem, which cannot be read"
        );
    }
    #[test]
    fn tls_that_the_url_would_go_without_is_refused() {
        let life = Lifecycle::new("test", LifecycleSettings::default());
        let settings = BrokerSettings {
            tls: TlsSettings {
                ca_file: PathBuf::from("/etc/shop/ca.pem"),
                ..TlsSettings::default()
            },
            ..BrokerSettings::at("amqp://host")
        };
        let error = connect(&settings, "test", &life).err().unwrap();
        assert!(matches!(error, ConnectError::PlainUrl), "{error}");
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let life = Lifecycle::new("test", LifecycleSettings::default());
        let here = PathBuf::from("Cargo.toml");
        let settings = BrokerSettings {
            tls: TlsSettings {
                certificate_file: here,
                ..TlsSettings::default()
            },
            ..BrokerSettings::at("amqps://host")
        };
        let error = connect(&settings, "test", &life).err().unwrap();
        assert!(matches!(error, ConnectError::HalfAnIdentity), "{error}");
    }
}
