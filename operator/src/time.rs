//! The clock, in the words of Kubernetes.

use contracts::Clock;
use k8s_openapi::jiff::Timestamp;

/// The present, to the millisecond.
#[must_use]
pub fn now(clock: &dyn Clock) -> Timestamp {
    Timestamp::from_millisecond(clock.now().unix_millis()).unwrap_or_default()
}
