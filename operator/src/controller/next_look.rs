//! When a platform is looked at again although nothing happens to it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::runtime::controller::Action;

use crate::resource::ShopPlatformStatus;

/// Looks again then, if nothing happens before.
pub(super) fn soonest(one: Option<Duration>, other: Option<Duration>) -> Action {
    let soonest = one.into_iter().chain(other).min();
    soonest.map_or_else(Action::await_change, Action::requeue)
}

/// Nothing else tells that passwords have become too old. Clocks may be set and machines may sleep, so it is looked at once a day.
pub(super) fn until_rotation(status: &ShopPlatformStatus, now: Timestamp) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(24);
    let next = status
        .credentials
        .as_ref()
        .and_then(|credentials| credentials.next.as_ref());
    let left = next.and_then(|next| Duration::try_from(next.0.duration_since(now)).ok());
    match left {
        Some(left) if !left.is_zero() => Some(left.min(LONGEST)),
        _ => None,
    }
}
