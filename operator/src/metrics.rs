//! What the operator counts and measures of itself: the names of all metrics are here, and in docs/operator.md.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client::Asked;
use crate::observed::PlatformKey;
use crate::resource::Phase;

/// A request to the API server was answered with this status, or not at all: `none`.
pub(crate) fn requested(asked: &Asked, code: String) {
    metrics::counter!(
        "shop_operator_api_requests_total",
        "verb" => asked.verb,
        "resource" => asked.resource.clone(),
        "code" => code,
    )
    .increment(1);
}

/// A reconciliation ended: `ok`, `retry` (something failed, it is tried again), `refused` (the resource cannot be carried out), or
/// `error` (not even the status could be written).
pub(crate) fn reconciled(result: &'static str, took: Duration) {
    metrics::counter!("shop_operator_reconciles_total", "result" => result).increment(1);
    metrics::histogram!("shop_operator_reconcile_duration_seconds").record(took.as_secs_f64());
}

/// Whether this operator works, or waits for the lease.
pub(crate) fn leads(leads: bool) {
    metrics::gauge!("shop_operator_leader").set(if leads { 1.0 } else { 0.0 });
}

/// The phase of a platform changed; none: it is gone.
pub(crate) fn phase(platform: &PlatformKey, before: Option<Phase>, now: Option<Phase>) {
    let gauge = |phase: Phase| {
        metrics::gauge!(
            "shop_operator_platform_phase",
            "namespace" => platform.namespace.clone(),
            "name" => platform.name.clone(),
            "phase" => phase.as_str(),
        )
    };
    if let Some(before) = before.filter(|before| Some(*before) != now) {
        gauge(before).set(0.0);
    }
    if let Some(now) = now {
        gauge(now).set(1.0);
    }
}

/// Platforms that something happened to and that were not looked at since.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<HashSet<PlatformKey>>);

impl Queue {
    /// Something happened to it.
    pub(crate) fn add(&self, platform: PlatformKey) {
        self.with(|queued| queued.insert(platform));
    }

    /// It is looked at, or gone.
    pub(crate) fn remove(&self, platform: &PlatformKey) {
        self.with(|queued| queued.remove(platform));
    }

    fn with(&self, change: impl FnOnce(&mut HashSet<PlatformKey>) -> bool) {
        let mut queued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut queued) {
            let depth = u32::try_from(queued.len()).unwrap_or(u32::MAX);
            metrics::gauge!("shop_operator_queue_depth").set(f64::from(depth));
        }
    }
}
