//! How much is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One request that is not answered to its end; counts at its service, and at its connection if that is shared.
#[derive(Debug)]
pub(crate) struct Busy {
    service: Arc<AtomicUsize>,
    connection: Option<Arc<AtomicUsize>>,
}

impl Busy {
    pub(super) fn new(service: &Arc<AtomicUsize>, connection: Option<&Arc<AtomicUsize>>) -> Self {
        service.fetch_add(1, Ordering::AcqRel);
        if let Some(connection) = connection {
            connection.fetch_add(1, Ordering::AcqRel);
        }
        Self {
            service: Arc::clone(service),
            connection: connection.cloned(),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.service.fetch_sub(1, Ordering::AcqRel);
        if let Some(connection) = &self.connection {
            connection.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
