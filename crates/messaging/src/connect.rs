//! `BROKER_URL`.

use std::path::PathBuf;

/// Why a broker URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The embedded broker was asked for by a service that runs alone.
    #[error(
        "BROKER_URL is embedded://, whose queues live inside one process: it works in the `shop` binary only. \
         A service started alone needs a broker of its own"
    )]
    EmbeddedAlone,
    /// Another scheme.
    #[error(
        "BROKER_URL has the scheme `{0}`, which this build does not support; use embedded:///absolute/path.db"
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
    embedded_path(url)?;
    Err(ConnectError::EmbeddedAlone)
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
            "BROKER_URL has the scheme `amqp`, which this build does not support; use embedded:///absolute/path.db"
        );
    }

    #[test]
    fn a_service_alone_is_told_that_embedded_is_in_process_only() {
        assert_eq!(
            connect("embedded:///d/broker.db").err(),
            Some(ConnectError::EmbeddedAlone)
        );
    }
}
