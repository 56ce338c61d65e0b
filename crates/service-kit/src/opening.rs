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
