//! What SQLite says, in the words of the store's users.

use crate::store::{PlaceError, StoreError, TellError};

impl From<sqlite_store::StoreError> for StoreError {
    fn from(error: sqlite_store::StoreError) -> Self {
        use rusqlite::Error;
        let broken = match &error {
            sqlite_store::StoreError::Unexpected(_) | sqlite_store::StoreError::Panicked => true,
            sqlite_store::StoreError::Statement(source) => {
                error.is_constraint_violation()
                    || matches!(
                        **source,
                        Error::FromSqlConversionFailure(..)
                            | Error::ToSqlConversionFailure(_)
                            | Error::IntegralValueOutOfRange(..)
                            | Error::InvalidColumnType(..)
                    )
            }
            _ => false,
        };
        if broken {
            Self::Broken(Box::new(error))
        } else {
            Self::Away(Box::new(error))
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        sqlite_store::StoreError::from(error).into()
    }
}

impl From<sqlite_store::StoreError> for PlaceError {
    fn from(error: sqlite_store::StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlite_store::StoreError> for TellError {
    fn from(error: sqlite_store::StoreError) -> Self {
        Self::Store(error.into())
    }
}
