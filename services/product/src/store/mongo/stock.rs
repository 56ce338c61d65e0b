//! What orders do to stock: many waiting messages in one transaction.
//!
//! MongoDB lets nobody wait for a document: of two transactions that write it, the later one is refused. So a process writes
//! stock one transaction at a time, and each takes along what waits ([`store_kit::Together`]): what is read is changed in memory
//! ([`ledger`]) and written with one operation a collection, however many orders want the same sku. All that is read comes in
//! one answer ([`gathered`]). Two replicas may still meet; then the later one begins anew.

pub(super) mod gathered;
mod ledger;
mod reservation;
pub(super) mod shelf;

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::events::stock::StockHoldExpired;
use contracts::topology::PRODUCT_ORDERS;
use contracts::{OrderId, Sku, Timestamp};
use messaging::mongo::append_claimed;
use messaging::{Handoff, Message, Places};
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::FindOptions;
use mongo_store::{Database, Transaction};
use serde::Deserialize;
use service_kit::{Context, crash_point};
use store_kit::StoreError;

use self::ledger::Ledger;
use self::reservation::Reservation;
use self::shelf::Shelf;
use super::rows::{document, whole};
use super::{INVENTORY, PRODUCT, RESERVATION, Told, event, tell};
use crate::domain::stock::Rules;
use crate::store::StockCommand;

/// How long to wait before asking about the same hold again: a minute, then twice as long each time, an hour at most.
const ASK_AGAIN: Duration = Duration::from_mins(1);

/// A message about stock.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) message_id: String,
    pub(super) command: StockCommand,
    pub(super) context: Context,
}

/// Messages that are done in one transaction.
struct Batch {
    heard: Vec<Heard>,
    rules: Rules,
    /// At the relay, for what is told.
    places: Option<Places>,
}

/// What the messages of a batch came to.
#[derive(Default)]
struct Done {
    /// Why lines were refused.
    refused: Vec<&'static str>,
    /// To be handed over to the relay once it is committed.
    told: Vec<Message>,
}

/// Does messages in one transaction, and hands over to the relay what they tell.
pub(super) async fn hear_all(
    db: &Database,
    heard: Vec<Heard>,
    rules: Rules,
    handoff: &Handoff,
) -> Result<Vec<()>, StoreError> {
    let answers = vec![(); heard.len()];
    // Each is answered, and may find that few pieces are left.
    let places = heard.first().and_then(|first| {
        let events = heard.len() * 2;
        handoff.places(events, first.context.now)
    });
    let batch = Batch {
        heard,
        rules,
        places,
    };
    let done = db
        .transact(&batch, |tx, batch| Box::pin(apply(tx, batch)))
        .await?;
    if let Some(places) = batch.places {
        places.take(done.told);
    }
    for code in done.refused {
        metrics::counter!("shop_stock_rejections_total", "code" => code).increment(1);
    }
    Ok(answers)
}

/// Does what the messages of a batch ask for, each once however often it comes.
async fn apply(tx: &mut Transaction, batch: &Batch) -> Result<Done, StoreError> {
    let new = first_heard(tx, &batch.heard).await?;
    if new.is_empty() {
        return Ok(Done::default());
    }
    let mut ledger = read(tx, &new, batch.rules).await?;
    for heard in &new {
        ledger.take(&heard.command, &heard.context)?;
    }
    write_shelves(tx, ledger.shelves.values()).await?;
    write_reservations(tx, &ledger).await?;
    let events = ledger.told().iter().map(Told::in_its_trace);
    let told = append_claimed(tx, events, batch.places.as_ref()).await?;
    for _ in &new {
        // B2 of the fault matrix: see `events`.
        crash_point("product.mid_transaction");
    }
    let refused = ledger::refusals(ledger.told()).collect();
    Ok(Done { refused, told })
}

/// The messages whose effect is not committed yet, each once; from now on the inbox knows them.
async fn first_heard<'a>(
    tx: &mut Transaction,
    heard: &'a [Heard],
) -> Result<Vec<&'a Heard>, StoreError> {
    let Some(first) = heard.first() else {
        return Ok(Vec::new());
    };
    let mut seen = BTreeSet::new();
    let mut once: Vec<&Heard> = heard.iter().collect();
    once.retain(|heard| seen.insert(heard.message_id.as_str()));
    let ids: Vec<&str> = once.iter().map(|heard| heard.message_id.as_str()).collect();
    let now = first.context.now;
    let new = messaging::mongo::first_deliveries(tx, PRODUCT_ORDERS, &ids, now).await?;
    once.retain(|heard| new.contains(heard.message_id.as_str()));
    Ok(once)
}

/// All that the commands may touch.
async fn read(tx: &mut Transaction, heard: &[&Heard], rules: Rules) -> Result<Ledger, StoreError> {
    let orders = heard.iter().map(|heard| ledger::input(&heard.command).0);
    let skus = heard.iter().flat_map(|heard| ledger::skus(&heard.command));
    let found = gathered::gather(tx, &orders.collect(), &skus.collect()).await?;
    let (shelves, reservations) = found.parts()?;
    Ok(Ledger::new(shelves, reservations, rules))
}

/// What is offered and how much of it is there, of those skus that exist.
pub(super) async fn shelves(
    tx: &mut Transaction,
    skus: &BTreeSet<&Sku>,
) -> Result<Vec<Shelf>, StoreError> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let found = gathered::gather(tx, &BTreeSet::new(), skus).await?;
    Ok(found.parts()?.0)
}

/// Writes what has changed.
pub(super) async fn write_shelves(
    tx: &mut Transaction,
    shelves: impl IntoIterator<Item = &Shelf>,
) -> Result<(), StoreError> {
    let (mut stocks, mut offers) = (Vec::new(), Vec::new());
    for shelf in shelves {
        if let Some((stock, read_at)) = shelf.changed_stock() {
            let as_read = doc! { "_id": stock.sku.as_str(), "version": whole(read_at) };
            stocks.push(doc! { "q": as_read, "u": document(stock)? });
        }
        if let Some(in_stock) = shelf.changed_in_stock() {
            let product = doc! { "_id": shelf.offer.id.to_string() };
            offers.push(doc! { "q": product, "u": { "$set": { "in_stock": in_stock } } });
        }
    }
    tx.update_each(INVENTORY, stocks).await?;
    tx.update_each(PRODUCT, offers).await?;
    Ok(())
}

async fn write_reservations(tx: &mut Transaction, ledger: &Ledger) -> Result<(), StoreError> {
    let write = |reservation: &Reservation| {
        let order = doc! { "_id": reservation.order_id.to_string() };
        Ok(doc! { "q": order, "u": document(reservation)?, "upsert": true })
    };
    let writes: Result<Vec<Document>, StoreError> =
        ledger.changed_reservations().map(write).collect();
    tx.update_each(RESERVATION, writes?).await?;
    Ok(())
}

/// Which holds to ask about.
pub(super) struct OldHolds {
    pub(super) limit: u32,
    pub(super) context: Context,
}

/// Asks the orders of old holds what became of them. Nothing is released before an order answers. Another replica that does
/// the same at the same time is refused by the first one's writes, and then finds nothing to ask.
pub(super) async fn ask_about_old_holds(
    tx: &mut Transaction,
    old: &OldHolds,
) -> Result<u32, StoreError> {
    #[derive(Deserialize)]
    struct Row {
        #[serde(rename = "_id")]
        order_id: OrderId,
        version: u64,
        asked: u32,
    }
    let OldHolds { limit, context } = old;
    let options = FindOptions::builder()
        .sort(doc! { "ask_at": 1 })
        .limit(i64::from(*limit))
        .projection(doc! { "version": 1, "asked": 1 })
        .build();
    let due = doc! { "ask_at": { "$lte": context.now.unix_millis() } };
    let rows: Vec<Row> = tx.find(RESERVATION, due, Some(options)).await?;
    let (mut updates, mut told) = (Vec::new(), Vec::new());
    for Row {
        order_id,
        version,
        asked,
    } in &rows
    {
        let wait = ASK_AGAIN * 2_u32.pow((*asked).min(6));
        let next: Timestamp = context.now.plus(wait);
        let update = doc! { "$set": { "ask_at": next.unix_millis() }, "$inc": { "asked": 1_i64 } };
        updates.push(doc! { "q": { "_id": order_id.to_string() }, "u": update });
        let expired = StockHoldExpired {
            order_id: *order_id,
        };
        told.push(event(order_id.to_string(), *version, expired, context));
    }
    tx.update_each(RESERVATION, updates).await?;
    tell(tx, &told).await?;
    Ok(u32::try_from(rows.len()).unwrap_or(*limit))
}
