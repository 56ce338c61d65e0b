//! Which parked message is meant: one event may be parked in several queues of a service.

use store_kit::StoreError;

use crate::deferred::DeferredStore;

/// Why it is not known which parked message is meant.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoParkedQueue {
    /// No queue has it parked.
    #[error("it is not parked")]
    NotParked,
    /// These queues have it parked, by name, and none of them was named.
    #[error("it is parked in several queues: {}", .0.join(", "))]
    Several(Vec<String>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The queue of the parked message that is meant: the one that is named or, if none is, the only one that has it parked.
pub async fn parked_queue(
    store: &(impl DeferredStore + ?Sized),
    id: &str,
    named: Option<&str>,
) -> Result<String, NoParkedQueue> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let mut queues = store.parked_in(id).await?;
    match (queues.pop(), queues.is_empty()) {
        (None, _) => Err(NoParkedQueue::NotParked),
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            queues.push(last);
            Err(NoParkedQueue::Several(queues))
        }
    }
}
