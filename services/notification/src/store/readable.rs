//! Claimed rows that this program can read.

use std::error::Error;

use service_kit::error_chain;

use crate::store::Claimed;

/// Leaves out what cannot be read, such as an event of a type that only a newer replica knows, and logs it. It is claimed and
/// stays so until its lease ends, and then somebody else may take it; those that were claimed with it are sent meanwhile.
pub(super) fn readable<E: Error>(
    rows: impl IntoIterator<Item = (String, Result<Claimed, E>)>,
) -> Vec<Claimed> {
    let rows = rows.into_iter().filter_map(|(delivery_id, row)| match row {
        Ok(claimed) => Some(claimed),
        Err(error) => {
            let error = error_chain(&error);
            tracing::error!(
                delivery_id,
                error,
                "a delivery cannot be read; it waits for a program that can"
            );
            None
        }
    });
    rows.collect()
}
