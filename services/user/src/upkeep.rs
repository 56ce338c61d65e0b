//! What this service does by itself: forgetting.

use std::sync::Arc;
use std::time::Duration;

use contracts::Clock;
use service_kit::{Lifecycle, error_chain};

use crate::store::UserStore;
use crate::throttle::Throttle;

/// How often.
const PERIOD: Duration = Duration::from_secs(30);
/// How long an ended session is kept, so that its tokens are still recognised as used up.
const KEPT: Duration = Duration::from_hours(24);
/// Sessions forgotten in one transaction.
const BATCH: u32 = 100;

/// Starts the upkeep as a task of the lifecycle.
pub(crate) fn spawn(
    lifecycle: &Lifecycle,
    store: Arc<dyn UserStore>,
    throttle: Throttle,
    clock: Arc<dyn Clock>,
) {
    let draining = lifecycle.token();
    lifecycle.spawn("account-upkeep", async move {
        while !draining.is_cancelled() {
            throttle.forget();
            let forgotten = store.forget_sessions(clock.now().minus(KEPT), BATCH).await;
            if let Err(error) = &forgotten {
                tracing::warn!(
                    error = error_chain(error),
                    "ended sessions cannot be forgotten"
                );
            }
            // A full batch may not have been all.
            if forgotten.is_ok_and(|count| count > 0) {
                continue;
            }
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    });
}
