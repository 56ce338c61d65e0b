//! Why a command could not be carried out.

use service_kit::settings::SettingsError;
use store_kit::{OpenError, StoreError};

use crate::secrets::SecretsError;
use crate::settings::Service;

/// Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be read.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The settings make no sense, or lack something.
    #[error("{0}")]
    Usage(String),
    /// A service's store cannot be opened.
    #[error("the store of {service}")]
    Open {
        /// Whose store it is.
        service: Service,
        /// Why.
        #[source]
        cause: OpenError,
    },
    /// A service's store failed.
    #[error("the store of {service}")]
    Store {
        /// Whose store it is.
        service: Service,
        /// Why.
        #[source]
        cause: StoreError,
    },
    /// Secrets could not be made.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Some of what was asked for could not be done; what, was told.
    #[error("{0}")]
    Partly(String),
    /// The result cannot be written.
    #[error("cannot write the result")]
    Write(#[source] std::io::Error),
    /// SIGTERM or SIGINT came first.
    #[error("ended by a signal: what was done stays done, and the same command does the rest")]
    Ended,
    /// The program cannot run here.
    #[error("cannot start")]
    Start(#[source] std::io::Error),
}

impl Error {
    /// The code the process ends with; `--help` documents them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Usage(_) => 2,
            Self::Ended => 130,
            _ => 1,
        }
    }
}
