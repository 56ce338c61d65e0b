//! A store as the process that opened it holds it.

use async_trait::async_trait;

use crate::error::StoreError;

/// What readiness, the health page and the end of a process need of a store.
#[async_trait]
pub trait StoreHandle: Send + Sync + 'static {
    /// What kind it is, for health and metrics: `sqlite`, `postgres`, `mongodb`.
    fn kind(&self) -> &'static str;

    /// Whether it answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Finishes what was begun and lets go of files or connections.
    async fn close(&self);
}
