//! Telling products again, for consumers that joined later or lost what they had.

use contracts::ProductId;
use mongo_store::Transaction;
use mongo_store::mongodb::bson::doc;
use mongo_store::mongodb::options::FindOptions;
use service_kit::Context;
use store_kit::StoreError;

use super::rows::{ProductRow, shown};
use super::{PRODUCT, event, tell};
use crate::store::{Listed, Retold};

/// Which products to tell again.
pub(super) struct Batch {
    pub(super) after: Option<ProductId>,
    pub(super) limit: u32,
    pub(super) context: Context,
}

/// Tells a stretch of the catalog. A change that is committed meanwhile has a higher version, so it does not matter which of
/// both is heard first.
pub(super) async fn retell(
    tx: &mut Transaction,
    batch: &Batch,
) -> Result<Option<Retold>, StoreError> {
    let after = batch.after.map_or_else(String::new, |id| id.to_string());
    let options = FindOptions::builder()
        .sort(doc! { "_id": 1 })
        .limit(i64::from(batch.limit))
        .projection(shown())
        .build();
    let behind = doc! { "_id": { "$gt": after } };
    let rows: Vec<ProductRow> = tx.find(PRODUCT, behind, Some(options)).await?;
    let products: Result<Vec<Listed>, _> = rows.into_iter().map(ProductRow::listed).collect();
    let products = products?;
    let told = products.iter().map(|listed| {
        let product = &listed.product;
        let id = product.id.to_string();
        event(id, product.version, product.retold(), &batch.context)
    });
    tell(tx, &told.collect::<Vec<_>>()).await?;
    Ok(Retold::of(&products))
}
