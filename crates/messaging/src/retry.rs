//! How often, and how long in between.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// The waits before each further try of a message; after the last it is parked.
const WAITS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
];

/// How often a message is tried: once more than it is waited for.
pub(crate) const TRIES: u32 = 6;

/// How long to wait after the `attempts`th try failed; none if it was the last.
pub(crate) fn wait_after(attempts: u32) -> Option<Duration> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    WAITS.get(index).copied()
}

/// The waits for something that is away: from a tenth of a second to ten, with jitter, for ever.
pub(crate) fn until_back() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_six_times_over_more_than_an_hour() {
        let waits: Vec<u64> = (1..=6)
            .filter_map(wait_after)
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(waits, [1, 10, 60, 600, 3600]);
        assert_eq!(
            (wait_after(TRIES - 1).is_some(), wait_after(TRIES)),
            (true, None)
        );
        assert_eq!(wait_after(0), None);
    }

    #[test]
    fn waiting_for_what_is_away_never_ends_and_never_takes_long() {
        assert!(
            until_back()
                .take(1_000)
                .all(|wait| wait <= Duration::from_secs(20))
        );
        assert_eq!(until_back().take(1_000).count(), 1_000);
    }
}
