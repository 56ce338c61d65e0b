//! Opening a store whose server may not be there yet.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use store_kit::{OpenError, StoreHandle};

use crate::error_chain;
use crate::health::Health;

/// Opens a store. While its server is away, or its schema was not migrated yet, the service waits: it lives, is not ready,
/// and its health page and log say why. What cannot pass by itself is an error.
pub async fn until_open<T>(
    health: &Health,
    mut open: impl AsyncFnMut() -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let mut waits = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build();
    let mut last = String::new();
    loop {
        let error = match open().await {
            Err(error) if error.may_pass() => error,
            opened_or_refused => return opened_or_refused,
        };
        let reason = error_chain(&error);
        if reason != last {
            tracing::warn!(reason, "the service waits for its store");
            last.clone_from(&reason);
        }
        health.waits_for("store", reason);
        tokio::time::sleep(waits.next().unwrap_or_default()).await;
    }
}

/// Makes the service's readiness depend on its store, and says which kind it is.
pub fn depends_on(health: &Health, store: std::sync::Arc<dyn StoreHandle>) {
    health.back_end("store", store.kind());
    health.check("store", move || {
        let store = std::sync::Arc::clone(&store);
        async move { store.ping().await.map_err(|error| error_chain(&error)) }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::lifecycle::{Lifecycle, LifecycleSettings};

    fn health() -> Health {
        let lifecycle = Lifecycle::new("order", LifecycleSettings::default());
        Health::new(&lifecycle, "0.1.0")
    }

    fn not_migrated() -> OpenError {
        OpenError::NotMigrated {
            place: "db/order".to_owned(),
            found: 0,
            needed: 3,
            service: "order",
        }
    }

    #[tokio::test]
    async fn a_service_whose_store_was_not_migrated_waits_unready_and_says_what_to_run() {
        let health = health();
        let tries = AtomicU32::new(0);
        let opened = until_open(&health, async || {
            if tries.fetch_add(1, Ordering::SeqCst) < 3 {
                return Err(not_migrated());
            }
            assert_eq!(
                health.not_ready_because().as_deref(),
                Some(
                    "store: the store at db/order has schema version 0, this program needs 3; run `order migrate`"
                )
            );
            Ok("open")
        });
        assert_eq!(opened.await.unwrap(), "open");
    }

    #[tokio::test]
    async fn a_store_that_needs_a_newer_program_ends_the_start_at_once() {
        let health = health();
        let refused = until_open(&health, async || {
            Err::<(), _>(OpenError::TooNew {
                place: "db/order".to_owned(),
                needed: 9,
                known: 3,
            })
        });
        assert!(matches!(refused.await, Err(OpenError::TooNew { .. })));
    }
}
