//! How long a campaign may go on.

use std::time::Duration;

use tokio::time::Instant;

/// Until a moment, or without an end.
pub(crate) struct Budget(Option<Instant>);

impl Budget {
    /// `CAMPAIGN_SECONDS` if set, else so many. 0 is for a whole campaign: `whole` seconds, or until all is done.
    pub(crate) fn new(seconds: u64, whole: Option<u64>) -> Self {
        let asked_for = std::env::var("CAMPAIGN_SECONDS").ok();
        let seconds = match asked_for.and_then(|text| text.parse().ok()) {
            Some(0) => whole,
            asked_for => Some(asked_for.unwrap_or(seconds)),
        };
        Self(seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)))
    }

    pub(crate) fn is_left(&self) -> bool {
        self.0.is_none_or(|end| Instant::now() < end)
    }
}
