//! The present moment of a request or a message: what commands need besides their input.

use std::sync::Arc;

use contracts::{Clock, Timestamp};

use crate::trace_context;

/// When, and in which trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What time it is.
    pub now: Timestamp,
    /// The trace that the events of this command belong to.
    pub traceparent: Option<String>,
}

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
