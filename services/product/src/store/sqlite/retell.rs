//! Telling the catalog again, to consumers that joined later or lost what they knew.

use contracts::ProductId;
use rusqlite::{Connection, params};
use service_kit::Context;
use sqlite_store::StoreError;

use super::{rows, tell};
use crate::store::Retold;

/// A batch, in the order of ids.
pub(super) const BATCH: &str =
    "FROM product p JOIN inventory i ON i.sku = p.sku WHERE p.id > ?1 ORDER BY p.id LIMIT ?2";

pub(super) fn retell(
    connection: &Connection,
    after: Option<ProductId>,
    limit: u32,
    context: &Context,
) -> Result<Option<Retold>, StoreError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = format!("SELECT {} {BATCH}", rows::COLUMNS);
    let mut currency = None;
    let batch = connection
        .prepare_cached(&sql)?
        .query_map(params![after, limit], |row| {
            rows::listed(row, &mut currency)
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for listed in &batch {
        let product = &listed.product;
        tell(
            connection,
            product.id.to_string(),
            product.version,
            product.retold(),
            context,
        )?;
    }
    Ok(Retold::of(&batch))
}
