//! One call of a handler.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use service_kit::{error_chain, trace_context};
use tracing::Instrument as _;

use crate::handler::{Handler, Outcome};
use crate::message::{Message, without_nul};

/// How long a handler may take. What it does later is done all the same; the inbox tells the next try.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// Runs a handler in the message's trace. What cannot be decoded is parked; a panic is a failed try. The reason it gives can
/// be kept in every store.
pub(super) async fn run(queue: &str, message: &Message, handler: &dyn Handler) -> Outcome {
    let outcome = match message.decode() {
        Ok(event) => {
            let span = tracing::info_span!(
                "message",
                queue,
                event_type = message.event_type,
                id = message.id
            );
            let traceparent = trace_context::enter(&span, message.traceparent.as_deref());
            let work = trace_context::scope(traceparent, handler.handle(message, event));
            caught(message, work.instrument(span)).await
        }
        Err(error) => Outcome::Park(format!("undecodable: {}", error_chain(&error))),
    };
    let outcome = match outcome {
        Outcome::Retry(reason) => Outcome::Retry(without_nul(reason)),
        Outcome::Park(reason) => Outcome::Park(without_nul(reason)),
        other => other,
    };
    metrics::counter!("shop_messages_total", "queue" => queue.to_owned(), "outcome" => name(&outcome))
        .increment(1);
    outcome
}

async fn caught(message: &Message, work: impl Future<Output = Outcome>) -> Outcome {
    match tokio::time::timeout(DEADLINE, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => {
            tracing::error!(
                id = message.id,
                event_type = message.event_type,
                "a handler panicked"
            );
            Outcome::Retry("the handler panicked; see the log".to_owned())
        }
        Err(_) => Outcome::Retry(format!("the handler took longer than {DEADLINE:?}")),
    }
}

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry(_) => "retry",
        Outcome::Park(_) => "park",
        Outcome::Unavailable(_) => "unavailable",
    }
}
