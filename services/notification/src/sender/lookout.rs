//! Watching the store while deliveries are late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contracts::Timestamp;
use service_kit::{Present, error_chain};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::domain::Channel;
use crate::sender::takeover::{Evidence, Terms};
use crate::store::{NotificationStore, StoreFailure};

/// Between two looks, at most.
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the store; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Known(Arc<Mutex<Evidence>>);

impl Known {
    pub(super) fn nothing_yet(terms: &Terms) -> Self {
        Self(Arc::new(Mutex::new(Evidence::new(terms))))
    }

    /// Leases that ended then or before are over.
    pub(super) fn over(&self) -> Option<Timestamp> {
        self.evidence().shown()
    }

    /// The store failed somebody in this process.
    pub(super) fn interrupted(&self) {
        self.evidence().interrupted();
    }

    fn evidence(&self) -> MutexGuard<'_, Evidence> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the store every second, or more often.
pub(super) struct Lookout {
    pub(super) store: Arc<dyn NotificationStore>,
    pub(super) terms: Terms,
    /// Between looks for deliveries whose time has come.
    pub(super) poll: Duration,
    pub(super) present: Present,
    pub(super) known: Known,
}

impl Lookout {
    pub(super) async fn watch(self, draining: CancellationToken) {
        let pause = self.poll.min(PAUSE);
        while !draining.is_cancelled() {
            let (begun, at) = (Instant::now(), self.present.now());
            let late = at.plus(self.terms.proof);
            let looked = self.store.touch_late(Channel::Email, late, at).await;
            self.note(looked, begun, at);
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn note(&self, looked: Result<bool, StoreFailure>, begun: Instant, at: Timestamp) {
        let mut evidence = self.known.evidence();
        match looked {
            Ok(true) => evidence.worked(begun, Instant::now(), at),
            Ok(false) => evidence.nothing_is_late(),
            Err(error) => {
                evidence.interrupted();
                let error = error_chain(&error);
                tracing::debug!(error, "the store cannot be written to");
            }
        }
    }
}
