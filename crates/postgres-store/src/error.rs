//! What PostgreSQL's refusals mean.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::Row as _;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgRow;
use store_kit::StoreError;

/// Classes of SQLSTATE (their first two letters) that pass by themselves or by an operator's hand: connection exceptions,
/// invalid sign-in (credentials are being changed), transaction rollback, insufficient resources, operator intervention,
/// system errors.
const AWAY_CLASSES: [&str; 6] = ["08", "28", "40", "53", "57", "58"];
/// Single SQLSTATEs that pass: the database does not exist (yet), the server is a read-only standby (fail-over), a transaction
/// was idle for too long, a lock was not to be had.
const AWAY_CODES: [&str; 4] = ["3D000", "25006", "25P03", "55P03"];
/// The server rolled the transaction back because of another one: serialization failure, deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// What an error of the driver means for the service.
#[must_use]
pub fn store_error(error: sqlx::Error) -> StoreError {
    if passes(&error) {
        StoreError::away(error)
    } else {
        StoreError::broken(error)
    }
}

pub(crate) fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        // What the driver says when the other end stops in the middle of a message.
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            AWAY_CODES.contains(&&*code)
                || AWAY_CLASSES.iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Whether an error says, anywhere in its chain, that the server rolled the transaction back because of another one. Nothing
/// was applied, and the same transaction may succeed at once.
#[must_use]
pub fn is_conflict(error: &(dyn Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.any(|error| driver_error(error).is_some_and(is_rollback))
}

fn is_rollback(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| CONFLICTS.contains(&&*code))
}

/// Stores share their causes, so the driver's error may stand behind an `Arc`.
fn driver_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e sqlx::Error> {
    error.downcast_ref().or_else(|| {
        let shared: &Arc<dyn Error + Send + Sync> = error.downcast_ref()?;
        shared.downcast_ref()
    })
}

/// The error of a column that holds what this program does not write.
pub fn unreadable(column: usize, cause: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source: Box::new(cause),
    }
}

/// A text column whose type reads itself.
pub fn parsed<T>(row: &PgRow, column: usize) -> sqlx::Result<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_network_does_passes_and_what_the_program_does_stays() {
        let cut = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(store_error(sqlx::Error::Io(cut)).is_away());
        assert!(store_error(sqlx::Error::PoolTimedOut).is_away());
        assert!(!store_error(sqlx::Error::RowNotFound).is_away());
        assert!(!store_error(sqlx::Error::ColumnNotFound("x".to_owned())).is_away());
    }
}
