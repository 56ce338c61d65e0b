//! `BROKER_URL`.

use std::path::PathBuf;

/// Why a broker URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A service that runs alone was told of no broker.
    #[error(
        "BROKER_URL is not set: a service started alone needs a broker that other processes reach, and this build has \
         none; start the service in the `shop` binary instead (`shop --only <service>`)"
    )]
    NotSet,
    /// The embedded broker was asked for by a service that runs alone.
    #[error(
        "BROKER_URL is embedded://, whose queues live inside one process: it works in the `shop` binary only; \
         start the service there (`shop --only <service>`)"
    )]
    EmbeddedAlone,
    /// Another scheme.
    #[error(
        "BROKER_URL has the scheme `{0}`, which this build does not support; it has embedded:///absolute/path.db, in the \
         `shop` binary only"
    )]
    Scheme(String),
    /// No path.
    #[error("BROKER_URL names no absolute path; write it as embedded:///absolute/path.db")]
    Path,
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

/// The broker of a service that runs alone. There is none in this build, and this says so; it never falls back to another.
pub fn connect(url: &str) -> Result<std::sync::Arc<dyn crate::Broker>, ConnectError> {
    match embedded_path(url) {
        Err(ConnectError::Path) if url.is_empty() => Err(ConnectError::NotSet),
        Ok(_) | Err(ConnectError::Path) => Err(ConnectError::EmbeddedAlone),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_embedded_broker_with_a_path_is_known() {
        assert_eq!(
            embedded_path("embedded:///d/broker.db"),
            Ok(PathBuf::from("/d/broker.db"))
        );
        assert_eq!(embedded_path("embedded://"), Err(ConnectError::Path));
        assert_eq!(embedded_path("broker.db"), Err(ConnectError::Path));
        assert_eq!(
            embedded_path("amqp://user:secret@host")
                .unwrap_err()
                .to_string(),
            "BROKER_URL has the scheme `amqp`, which this build does not support; it has embedded:///absolute/path.db, in the \
             `shop` binary only"
        );
    }

    #[test]
    fn a_service_alone_is_told_that_embedded_is_in_process_only() {
        assert_eq!(connect("").err(), Some(ConnectError::NotSet));
        assert_eq!(
            connect("embedded:///d/broker.db").err(),
            Some(ConnectError::EmbeddedAlone)
        );
    }
}
