//! Queue `order.catalog`: keeps the projection that orders are priced with.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::product::{ProductSnapshot, ProductStatus};
use contracts::{Event, Payload};
use messaging::{Handler, Message, Outcome};

use crate::domain::CatalogEntry;
use crate::events::failed;
use crate::store::OrderStore;
use service_kit::Present;

/// Hears `product.created.v1`, `product.updated.v1` and `product.archived.v1`.
pub struct CatalogHandler {
    /// Where the projection is kept.
    pub store: Arc<dyn OrderStore>,
    /// Tells the time.
    pub present: Present,
}

#[async_trait]
impl Handler for CatalogHandler {
    async fn handle(&self, message: &Message, event: Event) -> Outcome {
        let product = match event.payload {
            Payload::ProductCreated(created) => created.product,
            Payload::ProductUpdated(updated) => updated.product,
            Payload::ProductArchived(archived) => ProductSnapshot {
                status: ProductStatus::Archived,
                ..archived.product
            },
            other => return Outcome::Park(format!("{} does not belong here", other.event_type())),
        };
        let entry = CatalogEntry::from_snapshot(product, event.aggregate_version);
        let sku = entry.sku.clone();
        let context = self.present.context();
        match self
            .store
            .hear_product(message.id.clone(), entry, context)
            .await
        {
            Ok(changed) => {
                tracing::debug!(%sku, version = event.aggregate_version, changed, "product heard");
                Outcome::Done
            }
            Err(error) => failed(&error),
        }
    }
}
