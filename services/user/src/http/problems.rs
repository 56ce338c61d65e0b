//! Failures as problems: the only place that decides what a client sees.

use std::time::Duration;

use http::StatusCode;
use service_kit::error_chain;
use service_kit::http::Problem;

use crate::domain::WeakPassword;
use crate::passwords::{COME_BACK, HashError};
use crate::store::{ChangeError, StoreFailure};
use crate::tokens::TokenError;

impl From<StoreFailure> for Problem {
    fn from(failure: StoreFailure) -> Self {
        let error = error_chain(&failure);
        if !failure.0.is_away() {
            tracing::error!(error, "the user store and this program do not fit");
            return Self::internal();
        }
        tracing::warn!(error, "the user store does not answer");
        Self::unavailable("unavailable", "Try again shortly", Duration::from_secs(1))
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(),
            ChangeError::Stale => Self::precondition_failed(),
            ChangeError::LastAdministrator => Self::new(
                StatusCode::CONFLICT,
                "last_administrator",
                "The last administrator stays one",
            )
            .detail("Make somebody else an administrator first; nobody else could."),
            ChangeError::Store(failure) => failure.into(),
        }
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        if matches!(error, HashError::Busy) {
            return Self::unavailable("busy", "Too many people are signing in", COME_BACK);
        }
        tracing::error!(error = error_chain(&error), "a password was not hashed");
        Self::internal()
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        tracing::error!(error = error_chain(&error), "a token was not made");
        Self::internal()
    }
}

/// 401 `invalid_credentials`: the same whether the account exists or not.
pub(super) fn invalid_credentials() -> Problem {
    Problem::unauthorized(
        "invalid_credentials",
        None,
        "There is no account with this e-mail address and this password.",
    )
}

/// 422 `weak_password`, at the field it came in.
pub(super) fn weak_password(why: WeakPassword, pointer: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "weak_password",
        "The password is not good enough",
    )
    .detail("A password has 8 to 128 characters and is not one of those that are tried first.")
    .field(pointer, "weak_password", why.to_string())
}
