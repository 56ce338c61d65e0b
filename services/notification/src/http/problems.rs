//! What the store and the streams refuse, as clients see it.

use std::time::Duration;

use http::StatusCode;
use service_kit::error_chain;
use service_kit::http::Problem;

use crate::store::StoreFailure;
use crate::streams::TooManyStreams;

/// When to come back if the store is away.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// When to come back if there are too many streams: by then an abandoned one may have been noticed.
const STREAM_RETRY_AFTER: Duration = Duration::from_secs(30);

impl From<StoreFailure> for Problem {
    fn from(error: StoreFailure) -> Self {
        let chain = error_chain(&error);
        if error.0.is_away() {
            tracing::warn!(error = chain, "the notification store does not answer");
            return Self::unavailable("unavailable", "Try again shortly", RETRY_AFTER);
        }
        tracing::error!(
            error = chain,
            "the notification store and this program do not fit"
        );
        Self::internal()
    }
}

impl From<TooManyStreams> for Problem {
    fn from(_: TooManyStreams) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_streams",
            "Too many live streams are open",
        )
        .detail("Close one of this account's other live streams first.")
        .retry_after(STREAM_RETRY_AFTER)
    }
}

/// 400 for a `Last-Event-ID` that no event of a stream ever had.
pub(super) fn invalid_last_event_id() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "invalid_last_event_id",
        "Last-Event-ID is not the id of an event",
    )
    .detail("Send the id of the last event you saw, or leave the header out to start now.")
}
