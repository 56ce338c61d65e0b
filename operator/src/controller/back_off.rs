//! How long a platform waits after a failure.

use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use rand::RngExt;

use super::{Context, Guarded};

/// After the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// However many there were.
const LONGEST: Duration = Duration::from_mins(2);

/// After so many failures in a row: twice as long each time, and up to half as long again, so that platforms that failed
/// together do not come back together.
#[must_use]
pub(super) fn after(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    doubled
        .min(LONGEST)
        .mul_f64(rand::rng().random_range(1.0..1.5))
}

/// What follows a reconciliation that could not even write its status.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is that of kube's error policy"
)]
pub(super) fn after_error(
    platform: Arc<Guarded>,
    error: &super::reconcile::Error,
    context: Arc<Context>,
) -> Action {
    let failures = super::reconcile::note_failure(&platform, &context);
    let wait = after(failures);
    tracing::warn!(error = %error.0, wait_s = wait.as_secs_f64(), "the status of a platform could not be written");
    Action::requeue(wait)
}
