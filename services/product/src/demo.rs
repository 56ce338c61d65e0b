//! A catalog to try the shop with: `shop --demo`.

use contracts::Clock;
use service_kit::Context;
use store_kit::OpenError;

use crate::domain::product::NewProduct;
use crate::settings::Settings;
use crate::store::{self, CreateError, ProductStore};

/// Fifty products on six shelves.
const CATALOG: &str = include_str!("../demo/catalog.json");

/// Why the catalog could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The store cannot be opened.
    #[error("the demo catalog has no store")]
    Open(#[from] OpenError),
    /// The embedded catalog is malformed.
    #[error("the demo catalog is malformed")]
    Catalog(#[from] serde_json::Error),
    /// A product was refused.
    #[error("a product of the demo catalog was refused")]
    Product(#[from] CreateError),
}

/// Puts the demo catalog into the store, which is a file, before the service is built; a product whose sku exists is left as it
/// is. Returns how many were created.
pub async fn seed(settings: &Settings, clock: &dyn Clock) -> Result<usize, DemoError> {
    let opened = store::open_file(&settings.store, settings.stock.rules()).await?;
    let filled = fill(&*opened.store, clock).await;
    opened.handle.close().await;
    filled
}

/// Creates what is missing, by the same command and with the same events as an administrator would.
async fn fill(store: &dyn ProductStore, clock: &dyn Clock) -> Result<usize, DemoError> {
    let mut created = 0;
    for product in serde_json::from_str::<Vec<NewProduct>>(CATALOG)? {
        let context = Context {
            now: clock.now(),
            traceparent: None,
        };
        match store.create(product, None, None, context).await {
            Ok(_) => created += 1,
            Err(CreateError::SkuTaken) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(created)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_demo_catalog_has_fifty_different_products_on_six_shelves() {
        let catalog: Vec<NewProduct> = serde_json::from_str(CATALOG).unwrap();
        let skus: BTreeSet<_> = catalog.iter().map(|product| product.sku.clone()).collect();
        let shelves: BTreeSet<_> = catalog
            .iter()
            .map(|product| product.category.as_ref().unwrap().as_str().to_owned())
            .collect();
        assert_eq!((catalog.len(), skus.len(), shelves.len()), (50, 50, 6));
        assert!(catalog.iter().all(|product| product.description.is_some()));
    }
}
