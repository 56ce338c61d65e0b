//! What this service hears: one handler a queue.

pub mod catalog;
pub mod stock;

use messaging::Outcome;

use crate::store::StoreError;

/// What to do with a message whose command failed: wait for a store that is away, try again later if the store and
/// the message do not fit together, so that a person can look at it in the end.
fn failed(error: &StoreError) -> Outcome {
    let reason = service_kit::error_chain(error);
    match error {
        StoreError::Away(_) => Outcome::Unavailable(reason),
        StoreError::Broken(_) => Outcome::Retry(reason),
    }
}
