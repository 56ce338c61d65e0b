//! The present moment of a request or a message.

use std::sync::Arc;

use contracts::{Clock, Timestamp};
use service_kit::trace_context;

use crate::store::Context;

/// Makes the [`Context`] of commands: the clock, and the trace of the task that asks.
#[derive(Clone)]
pub struct Present(Arc<dyn Clock>);

impl Present {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(clock)
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// Now, on behalf of the current request or message.
    #[must_use]
    pub fn context(&self) -> Context {
        Context {
            now: self.now(),
            traceparent: trace_context::current_traceparent(),
        }
    }
}
