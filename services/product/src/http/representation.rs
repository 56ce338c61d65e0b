//! Products as clients see them.

use contracts::events::product::ProductStatus;
use contracts::{ProductId, Sku, Timestamp};
use serde::Serialize;
use service_kit::http::etag::ETag;
use utoipa::ToSchema;

use crate::domain::attributes::Attributes;
use crate::domain::product::{Category, Description, Price, Title};
use crate::store::Listed;

/// A product.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Product)]
pub(super) struct ProductBody {
    id: ProductId,
    sku: Sku,
    /// Its name in addresses.
    #[schema(example = "stoneware-mug")]
    slug: String,
    title: Title,
    description: Description,
    category: Option<Category>,
    price: Price,
    /// Whether at least one piece can be ordered.
    in_stock: bool,
    #[schema(value_type = Object)]
    attributes: Attributes,
    status: ProductStatus,
    /// Counts its changes; stock is not part of it.
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Listed> for ProductBody {
    fn from(listed: Listed) -> Self {
        let product = listed.product;
        Self {
            id: product.id,
            sku: product.sku,
            slug: product.slug,
            title: product.title,
            description: product.description,
            category: product.category,
            price: product.price,
            in_stock: listed.in_stock,
            attributes: product.attributes,
            status: product.status,
            version: product.version,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}

/// The tag of a representation. Stock never changes the version but shows in the body, so it is part of the tag;
/// `If-Match` looks at the version alone.
pub(super) fn tag(listed: &Listed) -> ETag {
    let stock = if listed.in_stock { "in" } else { "out" };
    ETag::of_text(&format!("{}-{stock}", listed.product.version))
}
