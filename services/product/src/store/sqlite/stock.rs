//! Commands on stock by people; by orders: see [`orders`].

pub(super) mod orders;

use contracts::events::stock::StockLow;
use contracts::{AdjustmentId, Sku, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use service_kit::Context;
use sqlite_store::StoreError;

use super::rows::{text, unexpected};
use super::{remember, replay, tell};
use crate::domain::product::Product;
use crate::domain::stock::Rules;
use crate::store::{Adjustment, ChangeError, Inventory, Once, Retry};

pub(super) fn inventory(
    connection: &Connection,
    sku: &Sku,
) -> Result<Option<Inventory>, StoreError> {
    let inventory = connection
        .prepare_cached("SELECT sku, received, available, reserved, sold, version FROM inventory WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| {
            Ok(Inventory {
                sku: text(row, 0)?,
                received: row.get(1)?,
                available: row.get(2)?,
                reserved: row.get(3)?,
                sold: row.get(4)?,
                version: row.get(5)?,
            })
        })
        .optional()?;
    Ok(inventory)
}

/// Gives a new product its stock. What is on the shelf from the start was received by an adjustment like any other.
pub(super) fn receive(
    connection: &Connection,
    product: &Product,
    pieces: u32,
    actor: Option<UserId>,
    rules: Rules,
    context: &Context,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO inventory (sku, received, available, reserved, sold, low_told) VALUES (?1, 0, 0, 0, 0, 1)")?
        .execute([product.sku.as_str()])?;
    if pieces > 0 {
        let adjustment = Adjustment::new(
            &product.sku,
            i64::from(pieces),
            "initial stock",
            actor,
            context,
        );
        apply_adjustment(connection, &adjustment, rules, context)?;
    }
    Ok(())
}

pub(super) fn adjust(
    connection: &Connection,
    sku: &Sku,
    quantity: i64,
    reason: &str,
    retry: &Retry,
    rules: Rules,
    context: &Context,
) -> Result<Once<(Adjustment, Inventory)>, ChangeError> {
    let now = inventory(connection, sku)?.ok_or(ChangeError::NotFound)?;
    match replay(connection, retry)? {
        Some(Ok(id)) => return Ok(Once::Replayed((one_adjustment(connection, &id)?, now))),
        Some(Err(())) => return Ok(Once::KeyReused),
        None => {}
    }
    if quantity < 0 && now.available < quantity.unsigned_abs() {
        return Err(ChangeError::WouldGoNegative);
    }
    let adjustment = Adjustment::new(sku, quantity, reason, Some(retry.caller), context);
    let inventory = apply_adjustment(connection, &adjustment, rules, context)?;
    remember(connection, retry, adjustment.id.to_string(), context)?;
    Ok(Once::Done((adjustment, inventory)))
}

fn apply_adjustment(
    connection: &Connection,
    adjustment: &Adjustment,
    rules: Rules,
    context: &Context,
) -> Result<Inventory, StoreError> {
    connection
        .prepare_cached(
            "UPDATE inventory SET received = received + ?2, available = available + ?2, version = version + 1 WHERE sku = ?1",
        )?
        .execute(params![adjustment.sku.as_str(), adjustment.quantity])?;
    connection
        .prepare_cached(
            "INSERT INTO adjustment (id, sku, quantity, reason, actor, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            adjustment.id.to_string(),
            adjustment.sku.as_str(),
            adjustment.quantity,
            adjustment.reason,
            adjustment.actor.map(|actor| actor.to_string()),
            adjustment.created_at.unix_millis(),
        ])?;
    let inventory = inventory(connection, &adjustment.sku)?
        .ok_or_else(|| StoreError::Unexpected(format!("{} has no inventory", adjustment.sku)))?;
    tell(
        connection,
        adjustment.sku.to_string(),
        inventory.version,
        adjustment.told(inventory.available),
        context,
    )?;
    tell_if_low(connection, &adjustment.sku, rules, context)?;
    Ok(inventory)
}

/// Tells `stock.low` once when the available pieces fall to the threshold, and again only after they were above it.
fn tell_if_low(
    connection: &Connection,
    sku: &Sku,
    rules: Rules,
    context: &Context,
) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE inventory SET low_told = available <= ?2 WHERE sku = ?1 AND low_told <> (available <= ?2)
             RETURNING available, low_told, version",
        )?
        .query_row(params![sku.as_str(), rules.low_threshold], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?, row.get::<_, u64>(2)?))
        })
        .optional()?;
    let Some((available, true, version)) = changed else {
        return Ok(());
    };
    let (product_id, title) = connection
        .prepare_cached("SELECT id, title FROM product WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| Ok((text(row, 0)?, row.get(1)?)))?;
    let low = StockLow {
        product_id,
        sku: sku.clone(),
        title,
        available,
        threshold: rules.low_threshold,
    };
    tell(connection, sku.to_string(), version, low, context)
}

pub(super) fn adjustments(
    connection: &Connection,
    sku: &Sku,
    after: Option<AdjustmentId>,
    limit: u32,
) -> Result<Vec<Adjustment>, StoreError> {
    // Ids sort by time; the last possible one comes before every page.
    let after = after.map_or_else(
        || format!("{}_g", AdjustmentId::PREFIX),
        |id| id.to_string(),
    );
    let adjustments = connection
        .prepare_cached(
            "SELECT id, sku, quantity, reason, actor, created_at FROM adjustment
             WHERE sku = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
        )?
        .query_map(params![sku.as_str(), after, limit], read_adjustment)?
        .collect::<Result<_, _>>()?;
    Ok(adjustments)
}

fn one_adjustment(connection: &Connection, id: &str) -> Result<Adjustment, StoreError> {
    let adjustment = connection
        .prepare_cached(
            "SELECT id, sku, quantity, reason, actor, created_at FROM adjustment WHERE id = ?1",
        )?
        .query_row([id], read_adjustment)?;
    Ok(adjustment)
}

fn read_adjustment(row: &Row<'_>) -> rusqlite::Result<Adjustment> {
    let actor: Option<String> = row.get(4)?;
    Ok(Adjustment {
        id: text(row, 0)?,
        sku: text(row, 1)?,
        quantity: row.get(2)?,
        reason: row.get(3)?,
        actor: actor
            .map(|id| id.parse())
            .transpose()
            .map_err(|why| unexpected(4, why))?,
        created_at: Timestamp::from_unix_millis(row.get(5)?),
    })
}
