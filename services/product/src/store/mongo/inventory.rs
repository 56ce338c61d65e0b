//! Stock as people see and change it; as orders do: see `stock`.

use std::collections::BTreeSet;

use contracts::{AdjustmentId, Sku, Timestamp, UserId};
use futures_util::stream::TryStreamExt as _;
use mongo_store::mongodb::bson::doc;
use mongo_store::{Database, Transaction};
use serde::{Deserialize, Serialize};
use service_kit::Context;
use store_kit::StoreError;

use super::stock::shelf::InventoryRow;
use super::{ADJUSTMENT, INVENTORY, Told, event, remember, replay, stock, tell};
use crate::domain::stock::Rules;
use crate::store::{Adjustment, ChangeError, Inventory, Once, Retry};

/// A document of `adjustment`.
#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: AdjustmentId,
    sku: Sku,
    quantity: i64,
    reason: String,
    actor: Option<UserId>,
    created_at: i64,
}

impl Row {
    fn adjustment(self) -> Adjustment {
        Adjustment {
            id: self.id,
            sku: self.sku,
            quantity: self.quantity,
            reason: self.reason,
            actor: self.actor,
            created_at: Timestamp::from_unix_millis(self.created_at),
        }
    }
}

pub(super) async fn inventory(db: &Database, sku: &Sku) -> Result<Option<Inventory>, StoreError> {
    let rows = db.collection::<InventoryRow>(INVENTORY);
    let found = db.run(async { rows.find_one(doc! { "_id": sku.as_str() }).await });
    Ok(found.await?.map(|row| row.inventory()))
}

/// A change of stock by a person.
pub(super) struct Change {
    pub(super) sku: Sku,
    pub(super) quantity: i64,
    pub(super) reason: String,
    pub(super) retry: Retry,
    pub(super) rules: Rules,
    pub(super) context: Context,
}

pub(super) async fn adjust(
    tx: &mut Transaction,
    change: &Change,
) -> Result<Once<(Adjustment, Inventory)>, ChangeError> {
    let shelves = stock::shelves(tx, &BTreeSet::from([&change.sku])).await?;
    let mut shelf = shelves.into_iter().next().ok_or(ChangeError::NotFound)?;
    match replay(tx, &change.retry).await? {
        Some(Ok(id)) => {
            let adjustment = existing(tx, &id).await?;
            return Ok(Once::Replayed((adjustment, shelf.stock.inventory())));
        }
        Some(Err(())) => return Ok(Once::KeyReused),
        None => {}
    }
    if change.quantity < 0 && shelf.stock.available < change.quantity.unsigned_abs() {
        return Err(ChangeError::WouldGoNegative);
    }
    let actor = Some(change.retry.caller);
    let Change {
        sku,
        reason,
        context,
        ..
    } = change;
    let adjustment = Adjustment::new(sku, change.quantity, reason, actor, context);
    shelf.stock.adjust(change.quantity)?;
    let mut told = vec![adjusted(&adjustment, &shelf.stock, context)];
    let low = shelf.low(change.rules);
    told.extend(low.map(|low| event(sku.to_string(), shelf.stock.version, low, context)));
    stock::write_shelves(tx, [&shelf]).await?;
    insert(tx, &adjustment).await?;
    tell(tx, &told).await?;
    remember(tx, &change.retry, adjustment.id.to_string(), context).await?;
    Ok(Once::Done((adjustment, shelf.stock.inventory())))
}

/// The event that tells an adjustment, with the stock after it.
pub(super) fn adjusted(adjustment: &Adjustment, stock: &InventoryRow, context: &Context) -> Told {
    let adjusted = adjustment.told(stock.available);
    event(adjustment.sku.to_string(), stock.version, adjusted, context)
}

pub(super) async fn insert(
    tx: &mut Transaction,
    adjustment: &Adjustment,
) -> Result<(), StoreError> {
    let row = Row {
        id: adjustment.id,
        sku: adjustment.sku.clone(),
        quantity: adjustment.quantity,
        reason: adjustment.reason.clone(),
        actor: adjustment.actor,
        created_at: adjustment.created_at.unix_millis(),
    };
    tx.insert(ADJUSTMENT, &[row]).await
}

async fn existing(tx: &mut Transaction, id: &str) -> Result<Adjustment, StoreError> {
    let row: Option<Row> = tx.find_one(ADJUSTMENT, doc! { "_id": id }, None).await?;
    row.map(Row::adjustment).ok_or_else(|| {
        StoreError::broken(format!(
            "an idempotency key names {id}, which does not exist"
        ))
    })
}

pub(super) async fn adjustments(
    db: &Database,
    sku: &Sku,
    after: Option<AdjustmentId>,
    limit: u32,
) -> Result<Vec<Adjustment>, StoreError> {
    let mut matching = doc! { "sku": sku.as_str() };
    if let Some(after) = after {
        matching.insert("_id", doc! { "$lt": after.to_string() });
    }
    let rows = db.collection::<Row>(ADJUSTMENT);
    let page = async {
        let page = rows
            .find(matching)
            .sort(doc! { "_id": -1 })
            .limit(i64::from(limit));
        page.await?.try_collect::<Vec<Row>>().await
    };
    let page = db.run(page).await?.into_iter();
    Ok(page.map(Row::adjustment).collect())
}
