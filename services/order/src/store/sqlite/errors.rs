//! What SQLite says, in the words of the store's users.

use crate::store::{PlaceError, StoreError, TellError};

impl From<sqlite_store::StoreError> for StoreError {
    fn from(error: sqlite_store::StoreError) -> Self {
        if error.is_away() {
            Self::Away(Box::new(error))
        } else {
            Self::Broken(Box::new(error))
        }
    }
}

impl From<store_kit::StoreError> for StoreError {
    fn from(error: store_kit::StoreError) -> Self {
        if error.is_away() {
            Self::Away(Box::new(error))
        } else {
            Self::Broken(Box::new(error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_by_itself_is_waited_for() {
        let code = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        for (error, away) in [
            (code(rusqlite::ffi::SQLITE_FULL), true),
            (code(rusqlite::ffi::SQLITE_IOERR), true),
            (code(rusqlite::ffi::SQLITE_CONSTRAINT), false),
            // A message that makes a statement fail is to be parked; waiting for it would hold up all behind it (I12).
            (code(rusqlite::ffi::SQLITE_ERROR), false),
            (code(rusqlite::ffi::SQLITE_TOOBIG), false),
            (rusqlite::Error::QueryReturnedNoRows, false),
        ] {
            let shown = error.to_string();
            let is_away = matches!(StoreError::from(error), StoreError::Away(_));
            assert_eq!(is_away, away, "{shown}");
        }
    }
}
