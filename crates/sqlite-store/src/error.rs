//! What can go wrong with a store.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

/// Why a store could not be opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be made or opened for writing.
    #[error("cannot open the store {}; does its folder exist and may this user write to it?", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is not an intact database. It is left as it is.
    #[error("the store {} is damaged ({detail}); it was not changed: restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check found first.
        detail: String,
    },
    /// There is no such file.
    #[error("there is no store {}; name the file of a shop that was started once", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file has another schema than this program needs, and is somebody else's to migrate.
    #[error(
        "the store {} has schema version {found}, this program needs {needed}; start the shop of this version on it first",
        path.display()
    )]
    NotMigrated {
        /// The file.
        path: PathBuf,
        /// The version it has; 0 if it was never migrated.
        found: u32,
        /// The version this program needs.
        needed: u32,
    },
    /// A newer program has changed the schema so that this one cannot use it.
    #[error(
        "the store {} needs a program that knows schema version {needed}, this one knows {known}; start a newer version",
        path.display()
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The version it needs.
        needed: u32,
        /// The newest version this program knows.
        known: u32,
    },
    /// A migration failed; nothing of it was applied.
    #[error("migration {name} of the store {} failed", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// The migration.
        name: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The writer thread cannot be started.
    #[error("cannot start the writer thread of the store {}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why a command or a query failed. Nothing of a failed command was applied.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused a statement.
    #[error("the store refused a statement")]
    Statement(#[source] Arc<rusqlite::Error>),
    /// The transaction the command was part of could not be committed.
    #[error("the store could not commit")]
    Commit(#[source] Arc<rusqlite::Error>),
    /// SQLite rolled back the transaction the command was part of, because a neighbour hit a full disk or the like.
    #[error("the store rolled back the transaction this command was part of")]
    RolledBack,
    /// A value in the store is not what this program writes.
    #[error("the store holds an unexpected value: {0}")]
    Unexpected(String),
    /// The command or query panicked.
    #[error("a store command ended abnormally")]
    Panicked,
    /// The store is closed or closing.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Statement(Arc::new(error))
    }
}

impl StoreError {
    /// Whether the store as a whole cannot work now (closed, disk full, an I/O error), so that the same command may succeed
    /// later. Otherwise the command and the store do not fit together, and repeating it changes nothing.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match self {
            Self::Closed | Self::RolledBack | Self::Commit(_) => true,
            Self::Statement(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::CannotOpen
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseCorrupt
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::FileLockingProtocolFailed
                        | ErrorCode::OutOfMemory
                        | ErrorCode::ReadOnly
                        | ErrorCode::SystemIoFailure
                )
            ),
            Self::Unexpected(_) | Self::Panicked => false,
        }
    }

    /// Whether a constraint of the schema refused the statement (a duplicate key, a failed check).
    #[must_use]
    pub fn is_constraint_violation(&self) -> bool {
        let Self::Statement(error) = self else {
            return false;
        };
        error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
    }
}

impl From<StoreError> for store_kit::StoreError {
    fn from(error: StoreError) -> Self {
        if error.is_away() {
            Self::away(error)
        } else {
            Self::broken(error)
        }
    }
}

impl From<OpenError> for store_kit::OpenError {
    fn from(error: OpenError) -> Self {
        Self::refused(error)
    }
}
