//! What the driver's errors mean to a service.

use std::error::Error;
use std::fmt;

use mongodb::error::{
    ErrorKind, RETRYABLE_WRITE_ERROR, SYSTEM_OVERLOADED_ERROR, TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use store_kit::StoreError;

/// Labels of what may succeed when it is tried again.
const PASSING: &[&str] = &[
    TRANSIENT_TRANSACTION_ERROR,
    UNKNOWN_TRANSACTION_COMMIT_RESULT,
    RETRYABLE_WRITE_ERROR,
    SYSTEM_OVERLOADED_ERROR,
];

/// Codes of what may pass by itself: <https://github.com/mongodb/mongo/blob/v6.0/src/mongo/base/error_codes.yml>.
const PASSING_CODES: &[i32] = &[
    6,     // HostUnreachable
    7,     // HostNotFound
    13,    // Unauthorized: rights are being changed
    18,    // AuthenticationFailed: a password is being changed
    24,    // LockTimeout
    43,    // CursorNotFound: the member was started anew
    46,    // LockBusy
    50,    // MaxTimeMSExpired
    64,    // WriteConcernFailed: a majority does not answer
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    112,   // WriteConflict
    133,   // FailedToSatisfyReadPreference
    134,   // ReadConcernMajorityNotAvailableYet
    175,   // QueryPlanKilled
    189,   // PrimarySteppedDown
    202,   // NetworkInterfaceExceededTimeLimit
    225,   // TransactionTooOld
    237,   // CursorKilled
    239,   // SnapshotTooOld
    246,   // SnapshotUnavailable
    251,   // NoSuchTransaction: it was aborted
    262,   // ExceededTimeLimit
    290,   // TransactionExceededLifetimeLimitSeconds
    391,   // ReauthenticationRequired
    9001,  // SocketException
    10058, // LegacyNotPrimary
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
    14031, // OutOfDiskSpace
];

/// A unique index has the value already.
const DUPLICATE_KEY: i32 = 11000;
/// Somebody killed the operation, or the session it belongs to.
const INTERRUPTED: i32 = 11601;

/// What the driver said, without the values that servers repeat in their messages: they may be somebody's.
#[derive(Clone, Debug)]
struct Said(mongodb::error::Error);

impl Error for Said {}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.kind {
            ErrorKind::Command(error) => {
                write!(out, "MongoDB answered {} ({})", error.code_name, error.code)
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
                write!(out, "MongoDB answered {} ({})", error.code_name, error.code)
            }
            ErrorKind::Write(_) | ErrorKind::InsertMany(_) => {
                let code = code(&self.0).unwrap_or_default();
                write!(out, "MongoDB refused to write (code {code})")
            }
            // Messages of the driver, about servers and not about what they keep.
            ErrorKind::Io(error) => write!(out, "the connection to MongoDB failed: {error}"),
            ErrorKind::ServerSelection { message, .. }
            | ErrorKind::Authentication { message, .. }
            | ErrorKind::ConnectionPoolCleared { message, .. }
            | ErrorKind::DnsResolve { message, .. }
            | ErrorKind::IncompatibleServer { message, .. }
            | ErrorKind::InvalidArgument { message, .. }
            | ErrorKind::InvalidTlsConfig { message, .. }
            | ErrorKind::Transaction { message, .. } => out.write_str(message),
            ErrorKind::Shutdown => out.write_str("the store is closed"),
            ErrorKind::Bson(_) | ErrorKind::InvalidResponse { .. } => {
                out.write_str("a document is not what this program writes")
            }
            _ => out.write_str("the driver of MongoDB failed"),
        }
    }
}

/// What an error of the driver means: whether the same may succeed later.
#[must_use]
pub fn store_error(error: mongodb::error::Error) -> StoreError {
    if is_passing(&error) {
        StoreError::away(Said(error))
    } else {
        StoreError::broken(Said(error))
    }
}

/// An error of the driver in words that repeat no values.
pub(crate) fn said(error: mongodb::error::Error) -> impl Error + Send + Sync + 'static {
    Said(error)
}

/// Whether a unique index refused what was to be written.
#[must_use]
pub fn is_duplicate_key(error: &StoreError) -> bool {
    driver_error(error).and_then(code) == Some(DUPLICATE_KEY)
}

fn is_passing(error: &mongodb::error::Error) -> bool {
    if PASSING.iter().any(|label| error.contains_label(label)) {
        return true;
    }
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::Shutdown => true,
        _ => code(error).is_some_and(|code| PASSING_CODES.contains(&code)),
    }
}

fn code(error: &mongodb::error::Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Some(error.code),
        ErrorKind::InsertMany(error) => {
            let first = error.write_errors.as_ref().and_then(|all| all.first());
            let concern = error.write_concern_error.as_ref();
            first
                .map(|error| error.code)
                .or_else(|| concern.map(|error| error.code))
        }
        _ => None,
    }
}

/// What the driver said, if that is why a command failed.
fn driver_error(error: &StoreError) -> Option<&mongodb::error::Error> {
    let (StoreError::Away(cause) | StoreError::Broken(cause)) = error;
    cause.downcast_ref::<Said>().map(|said| &said.0)
}

/// The same of a commit. One that was interrupted may be done all the same: unlike other operations that were, it is no reason
/// to carry the command out again.
pub(crate) fn commit_error(error: mongodb::error::Error) -> StoreError {
    if is_interrupted(&error) {
        StoreError::away(Unknown(Said(error)))
    } else {
        store_error(error)
    }
}

/// Whether it is not known what became of a commit: the server answers the same commit with the same.
pub(crate) fn is_unknown(error: &mongodb::error::Error) -> bool {
    error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) || is_interrupted(error)
}

/// What to do about a command that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Nothing of it was applied, or will be: carry it out again.
    Transient,
    /// There was no primary to begin with.
    NoPrimary,
    /// Hand the error on.
    ForGood,
}

/// The command wraps what the store said in an error of its own; it is found among the sources.
pub(crate) fn how(error: &(dyn Error + 'static)) -> Failed {
    let mut next = Some(error);
    while let Some(error) = next {
        let store = error.downcast_ref::<StoreError>();
        if let Some(said) = store.and_then(driver_error) {
            return how_said(said);
        }
        next = error.source();
    }
    Failed::ForGood
}

fn how_said(error: &mongodb::error::Error) -> Failed {
    // The driver does not label that there was no primary to begin with; and to commit, there must have been one.
    if matches!(&*error.kind, ErrorKind::ServerSelection { .. })
        && !error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
    {
        return Failed::NoPrimary;
    }
    // Nor that who ends abandoned transactions (`abandoned`) may meet one that its program has just gone on with.
    if is_interrupted(error) || error.contains_label(TRANSIENT_TRANSACTION_ERROR) {
        return Failed::Transient;
    }
    Failed::ForGood
}

fn is_interrupted(error: &mongodb::error::Error) -> bool {
    code(error) == Some(INTERRUPTED)
}

/// A commit may be done or not.
#[derive(Debug, thiserror::Error)]
#[error("MongoDB does not say whether it committed")]
struct Unknown(#[source] Said);

/// Something took longer than it may.
#[derive(Debug, thiserror::Error)]
#[error("MongoDB did not answer within {0:?}")]
pub(crate) struct Late(pub(crate) std::time::Duration);
