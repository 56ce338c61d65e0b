//! Products as documents.

use contracts::events::product::ProductStatus;
use contracts::{Money, ProductId, Sku, Timestamp};
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::FindOneOptions;
use mongo_store::{Transaction, store_error};
use serde::Deserialize;
use store_kit::StoreError;

use super::PRODUCT;
use super::stock::shelf::Replaced;
use crate::domain::attributes::{self, Attributes};
use crate::domain::product::{Category, Description, Price, Product, Title};
use crate::domain::tokens::tokens;
use crate::store::{Listed, Name};

/// What stands between the name and the value of an attribute in `found_by`: no name holds it.
const BETWEEN: char = '\u{1f}';

/// A product as it is read, with [`shown`].
#[derive(Debug, Deserialize)]
pub(super) struct ProductRow {
    #[serde(rename = "_id")]
    id: ProductId,
    sku: Sku,
    slug: String,
    title: String,
    description: String,
    category: Option<String>,
    price: Money,
    status: ProductStatus,
    attributes: String,
    version: u64,
    created_at: i64,
    updated_at: i64,
    in_stock: bool,
    pub(super) replaced: Vec<Replaced>,
}

/// What [`ProductRow`] reads; the rest is for indexes.
pub(super) fn shown() -> Document {
    doc! { "words": 0, "found_by": 0, "newest": 0, "cheapest": 0 }
}

impl ProductRow {
    pub(super) fn listed(self) -> Result<Listed, StoreError> {
        Ok(Listed {
            product: Product {
                id: self.id,
                sku: self.sku,
                slug: self.slug,
                title: Title::stored(self.title),
                description: Description::stored(self.description),
                category: self.category.map(Category::stored),
                price: Price::try_from(self.price).map_err(StoreError::broken)?,
                status: self.status,
                attributes: Attributes::from_json(self.attributes).map_err(StoreError::broken)?,
                version: self.version,
                created_at: Timestamp::from_unix_millis(self.created_at),
                updated_at: Timestamp::from_unix_millis(self.updated_at),
            },
            in_stock: self.in_stock,
        })
    }
}

/// How one product is asked for.
pub(super) fn by_name(name: &Name) -> Document {
    match name {
        Name::Id(id) => doc! { "_id": id.to_string() },
        Name::Slug(slug) => doc! { "slug": slug },
    }
}

/// One product, in the store as a majority has it.
pub(super) async fn product(
    db: &mongo_store::Database,
    name: &Name,
) -> Result<Option<Listed>, StoreError> {
    let products = db.collection::<ProductRow>(PRODUCT);
    let found = db.run(async { products.find_one(by_name(name)).projection(shown()).await });
    found.await?.map(ProductRow::listed).transpose()
}

/// One product, as the transaction sees it.
pub(super) async fn product_in(
    tx: &mut Transaction,
    name: &Name,
) -> Result<Option<ProductRow>, StoreError> {
    let options = FindOneOptions::builder().projection(shown()).build();
    tx.find_one(PRODUCT, by_name(name), Some(options)).await
}

/// A new product.
pub(super) fn new_document(product: &Product, in_stock: bool) -> Document {
    let id = product.id.to_string();
    let mut document = doc! {
        "_id": &id,
        "sku": product.sku.as_str(),
        "slug": &product.slug,
        "created_at": product.created_at.unix_millis(),
        "newest": { "at": product.created_at.unix_millis(), "id": id },
        "in_stock": in_stock,
    };
    document.extend(changeable(product, &[]));
    document
}

/// What a person may change of a product, and what lists find it by.
pub(super) fn changeable(product: &Product, replaced: &[Replaced]) -> Document {
    let Money { amount, currency } = product.price.money();
    let words: Vec<String> = tokens(&product.searched_text()).into_iter().collect();
    let replaced = replaced.iter().map(
        |price| doc! { "amount": price.amount, "currency": price.currency.as_str(), "at": price.at },
    );
    doc! {
        "title": product.title.as_str(),
        "description": product.description.as_str(),
        "category": product.category.as_ref().map(Category::as_str),
        "price": { "amount": amount, "currency": currency.as_str() },
        "status": status_text(product.status),
        "attributes": product.attributes.json(),
        "version": whole(product.version),
        "updated_at": product.updated_at.unix_millis(),
        "cheapest": { "amount": amount, "id": product.id.to_string() },
        "words": words,
        "found_by": found_by(&product.attributes),
        "replaced": replaced.collect::<Vec<_>>(),
    }
}

fn found_by(attributes: &Attributes) -> Vec<String> {
    let found = attributes::found_by(attributes).into_iter();
    found
        .map(|(name, value)| attribute(&name, &value))
        .collect()
}

/// An attribute as `found_by` holds it.
pub(super) fn attribute(name: &str, value: &str) -> String {
    format!("{name}{BETWEEN}{value}")
}

/// The text of a status in the store.
pub(super) fn status_text(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Active => "active",
        ProductStatus::Archived => "archived",
    }
}

/// A number of the domain as MongoDB has them: what counts pieces and changes stays far below 2^63.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A row as a document.
pub(super) fn document<T: serde::Serialize>(row: &T) -> Result<Document, StoreError> {
    mongo_store::mongodb::bson::serialize_to_document(row)
        .map_err(|error| store_error(error.into()))
}
