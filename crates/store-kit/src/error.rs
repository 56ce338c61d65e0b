//! What can go wrong with a store, in words that do not depend on its engine.

use std::error::Error;
use std::sync::Arc;

use crate::url::UnsupportedUrl;

type Cause = Arc<dyn Error + Send + Sync>;

/// Why a command or a query failed. Nothing of a failed command was applied, unless the connection broke after the commit;
/// the idempotency key and the inbox tell on the next try.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, is full, is closing or is too busy: the same command may succeed later.
    #[error("the store does not answer")]
    Away(#[source] Cause),
    /// The store holds what this program cannot read, or refuses what it writes: repeating it changes nothing.
    #[error("the store and this program do not fit together")]
    Broken(#[source] Cause),
}

impl StoreError {
    /// A failure that may pass by itself.
    pub fn away(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Away(cause.into().into())
    }

    /// A failure that stays.
    pub fn broken(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(cause.into().into())
    }

    /// Whether the same command may succeed later.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

/// Why a store could not be opened. Each says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The server does not answer, or not yet.
    #[error("the store at {place} cannot be reached")]
    Away {
        /// Where it is looked for; never with a password.
        place: String,
        /// What was said.
        #[source]
        cause: Cause,
    },
    /// The schema is older than this program needs.
    #[error(
        "the store at {place} has schema version {found}, this program needs {needed}; run `{service} migrate`"
    )]
    NotMigrated {
        /// Where it is.
        place: String,
        /// The version it has; 0 if it was never migrated.
        found: u32,
        /// The version this program needs.
        needed: u32,
        /// Whose store it is.
        service: &'static str,
    },
    /// A newer program has changed the schema so that this one cannot use it.
    #[error(
        "the store at {place} needs a program that knows schema version {needed}, this one knows {known}; start a newer version"
    )]
    TooNew {
        /// Where it is.
        place: String,
        /// The version it needs.
        needed: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// It can never be used as it is: a wrong setting, a wrong kind of server, a damaged file.
    #[error("the store at {place} cannot be used")]
    Unusable {
        /// Where it is.
        place: String,
        /// Why, and what to do.
        #[source]
        cause: Cause,
    },
    /// It can never be used as it is, and the engine says all there is to say.
    #[error(transparent)]
    Refused(Cause),
}

impl OpenError {
    /// Whether it may pass without this process being started anew: then the process waits, not ready, and says why.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::NotMigrated { .. })
    }

    /// The server does not answer.
    pub fn away(place: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Away {
            place: place.into(),
            cause: cause.into().into(),
        }
    }

    /// It can never be used as it is, and the engine says all there is to say.
    pub fn refused(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(cause.into().into())
    }

    /// It can never be used as it is.
    pub fn unusable(
        place: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unusable {
            place: place.into(),
            cause: cause.into().into(),
        }
    }
}

impl From<UnsupportedUrl> for OpenError {
    fn from(error: UnsupportedUrl) -> Self {
        Self::refused(error)
    }
}
