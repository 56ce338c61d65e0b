//! Failures of commands as problems: the only place that decides what a client sees.

use std::time::Duration;

use http::StatusCode;
use service_kit::error_chain;
use service_kit::http::Problem;

use crate::store::{ChangeError, CreateError, StoreFailure};

/// When to come back while the store is away.
const RETRY_AFTER: Duration = Duration::from_secs(2);

impl From<StoreFailure> for Problem {
    fn from(failure: StoreFailure) -> Self {
        let error = error_chain(&failure);
        if failure.0.is_away() {
            tracing::warn!(error, "the product store does not answer");
            return Problem::unavailable("unavailable", "Try again shortly", RETRY_AFTER);
        }
        tracing::error!(error, "the product store and this program do not fit");
        Problem::internal()
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::SkuTaken => {
                Problem::new(StatusCode::CONFLICT, "sku_taken", "The sku is taken")
                    .detail(
                        "Another product has this sku. Choose another one, or change that product.",
                    )
                    .field("/sku", "sku_taken", "another product has this sku")
            }
            CreateError::Store(failure) => failure.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Problem::not_found(),
            ChangeError::Stale => Problem::precondition_failed(),
            ChangeError::WouldGoNegative => Problem::new(
                StatusCode::CONFLICT,
                "would_go_negative",
                "Fewer pieces are available than would be removed",
            )
            .detail("Only available pieces can be removed; those held or sold belong to orders."),
            ChangeError::Store(failure) => failure.into(),
        }
    }
}
