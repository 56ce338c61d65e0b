//! A pass with what is counted and measured of it.

use std::sync::Arc;
use std::time::Instant;

use kube::runtime::controller::Action;

use super::reconcile::{Error, key_of, reconcile};
use super::{Context, Guarded};
use crate::metrics;

/// What came of a pass, in the words of the metric.
pub(super) struct Done {
    /// What follows.
    pub(super) action: Action,
    /// `ok`, `retry` or `refused`.
    pub(super) result: &'static str,
}

/// One pass over one platform.
pub(super) async fn measured(
    platform: Arc<Guarded>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let begun = Instant::now();
    context.queue.remove(&key_of(&platform));
    let done = reconcile(platform, context).await;
    let result = done.as_ref().map_or("error", |done| done.result);
    metrics::reconciled(result, begun.elapsed());
    done.map(|done| done.action)
}
