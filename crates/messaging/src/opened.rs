//! A service's store as the service is wired with it.

use std::sync::Arc;

use store_kit::StoreHandle;

use crate::upkeep::MessageStore;

/// An open store: the service's own commands, its messaging tables, and what the process holds it by. All three are one
/// database, so that a command and its events are one transaction.
pub struct Opened<S: ?Sized> {
    /// The service's commands.
    pub store: Arc<S>,
    /// Outbox, inbox and deferred messages.
    pub messages: Arc<dyn MessageStore>,
    /// Readiness and the end.
    pub handle: Arc<dyn StoreHandle>,
}
