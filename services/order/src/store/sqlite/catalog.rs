//! The projection of the catalog.

use contracts::topology::ORDER_CATALOG;
use rusqlite::{Connection, params};
use service_kit::Context;

use crate::domain::CatalogEntry;
use crate::store::StoreError;
use crate::store::sqlite::rows;

/// Keeps what a product event says, unless a newer version was heard (I11). False if nothing changed.
pub(super) fn hear_product(
    conn: &Connection,
    message_id: &str,
    entry: &CatalogEntry,
    context: &Context,
) -> Result<bool, StoreError> {
    if !messaging::sqlite::first_delivery(conn, ORDER_CATALOG, message_id, context.now)? {
        return Ok(false);
    }
    let written = conn
        .prepare_cached(
            "INSERT INTO catalog (product_id, sku, title, price, currency, status, version) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (product_id) DO UPDATE SET sku = excluded.sku, title = excluded.title, \
             price = excluded.price, currency = excluded.currency, status = excluded.status, \
             version = excluded.version WHERE excluded.version > catalog.version",
        )?
        .execute(params![
            entry.product_id.to_string(),
            entry.sku.as_str(),
            entry.title,
            entry.price.amount,
            entry.price.currency.as_str(),
            rows::word(&entry.status)?,
            rows::stored(entry.version)?,
        ])?;
    Ok(written == 1)
}
