//! What SQLite says, in the words of the store's users.

use crate::store::StoreFailure;

impl From<sqlite_store::StoreError> for StoreFailure {
    fn from(error: sqlite_store::StoreError) -> Self {
        Self(error.into())
    }
}

impl From<rusqlite::Error> for StoreFailure {
    fn from(error: rusqlite::Error) -> Self {
        sqlite_store::StoreError::from(error).into()
    }
}
