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
    let pause = Duration::from_secs(settings.sweep_s);
    lifecycle.spawn("hold-sweeper", async move {
        while !draining.is_cancelled() {
            let asked = store.ask_about_old_holds(BATCH, present.context()).await;
            match asked {
                Ok(0) => {}
                Ok(asked) => {
                    tracing::info!(asked, "orders were asked about old holds");
                    poke.poke();
                    // After a long outage there may be many; each is asked about once, so this ends.
                    if asked == BATCH {
                        continue;
                    }
                }
                Err(error) => {
                    let error = error_chain(&error);
                    tracing::warn!(error, "old holds cannot be read; trying again shortly");
                }
            }
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    });
}
