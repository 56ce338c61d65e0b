//! The tasks that keep connections going.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::rt::Executor;
use service_kit::Lifecycle;

/// How often it is looked whether a service's last request has ended, once the gateway drains.
const LOOK: Duration = Duration::from_millis(50);
/// How long after draining began new requests may still come, over connections that linger: as long as the server keeps
/// them, and a little.
const LINGER: Duration = Duration::from_millis(400);

/// Runs the tasks of connections in the lifecycle. They end when the gateway drains and nothing is under way.
#[derive(Clone)]
pub(super) struct Tasks {
    lifecycle: Lifecycle,
    busy: Arc<AtomicUsize>,
}

impl Tasks {
    pub(super) fn new(lifecycle: &Lifecycle, busy: Arc<AtomicUsize>) -> Self {
        Self {
            lifecycle: lifecycle.clone(),
            busy,
        }
    }
}

impl<F: Future + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, work: F) {
        let (draining, busy) = (self.lifecycle.token(), Arc::clone(&self.busy));
        self.lifecycle.spawn("upstream", async move {
            let finished = async {
                draining.cancelled().await;
                tokio::time::sleep(LINGER).await;
                while busy.load(Ordering::Acquire) > 0 {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::select! {
                _ = work => {}
                () = finished => {}
            }
        });
    }
}
