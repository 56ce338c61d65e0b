//! What this service knows of a product: enough to price an order while the product service is away.

use contracts::events::product::{ProductSnapshot, ProductStatus};
use contracts::{Money, ProductId, Sku};

/// A product as of one version of its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEntry {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: Sku,
    /// Its name for people.
    pub title: String,
    /// What one piece costs.
    pub price: Money,
    /// Whether it can be ordered.
    pub status: ProductStatus,
    /// The version this is true for; an older one never replaces it (invariant I11).
    pub version: u64,
}

impl CatalogEntry {
    /// What a `product.*` event says.
    #[must_use]
    pub fn from_snapshot(product: ProductSnapshot, version: u64) -> Self {
        Self {
            product_id: product.product_id,
            sku: product.sku,
            title: product.title,
            price: product.price,
            status: product.status,
            version,
        }
    }
}
