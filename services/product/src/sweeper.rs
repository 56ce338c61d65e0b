//! Asks the orders of old holds what became of them.

use std::sync::Arc;
use std::time::Duration;

use messaging::Poke;
use service_kit::{Lifecycle, Present, error_chain};

use crate::settings::StockSettings;
use crate::store::ProductStore;

/// Holds asked about in one transaction.
const BATCH: u32 = 100;

/// Starts the sweeper as a task of the lifecycle.
pub(crate) fn spawn(
    lifecycle: &Lifecycle,
    store: Arc<dyn ProductStore>,
    poke: Poke,
    present: Present,
    settings: StockSettings,
) {
    let draining = lifecycle.token();
    let pause = Duration::from_secs(settings.sweep_s.max(1));
    lifecycle.spawn("hold-sweeper", async move {
        while !draining.is_cancelled() {
            match store.ask_about_old_holds(BATCH, present.context()).await {
                Ok(0) => {}
                Ok(asked) => {
                    tracing::info!(asked, "orders were asked about old holds");
                    poke.poke();
                }
                Err(error) => {
                    tracing::warn!(error = error_chain(&error), "old holds cannot be read")
                }
            }
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
}
