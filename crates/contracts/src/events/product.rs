//! What the product service tells about the catalog.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::ProductId;
use crate::money::Money;
use crate::sku::Sku;
use crate::time::Timestamp;

/// Whether a product can be bought.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// It is offered.
    Active,
    /// It is no longer offered; orders that hold it are not touched.
    Archived,
}

/// A product as it is at one version; the version is the event's `aggregate_version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductSnapshot {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: Sku,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub title: String,
    /// What it is; may be empty.
    pub description: String,
    /// Its shelf.
    pub category: Option<String>,
    /// What one piece costs.
    pub price: Money,
    /// Whether it can be bought.
    pub status: ProductStatus,
    /// What else is known of it, by name.
    pub attributes: BTreeMap<String, serde_json::Value>,
}

/// `product.created.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductCreated {
    /// The product.
    pub product: ProductSnapshot,
}

/// A price that is no longer asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReplacedPrice {
    /// What one piece cost.
    pub price: Money,
    /// Since when it no longer does.
    pub replaced_at: Timestamp,
}

/// `product.updated.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductUpdated {
    /// The product as it is now.
    pub product: ProductSnapshot,
    /// The price this update replaced, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_price: Option<ReplacedPrice>,
}

/// `product.archived.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductArchived {
    /// The product as it is now.
    pub product: ProductSnapshot,
}
