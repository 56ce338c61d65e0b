//! What a transaction reads about orders and skus: reservations, offers and stock in one round trip.
//!
//! Which skus a reservation holds is known only when it has been read, so the server goes on by itself from what it found. A
//! round trip costs as much as the work it asks for, and nobody else of the process writes stock meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{OrderId, Sku};
use mongo_store::Transaction;
use mongo_store::mongodb::bson::{Document, doc};
use serde::Deserialize;
use store_kit::StoreError;

use super::reservation::Reservation;
use super::shelf::{InventoryRow, OfferRow, Shelf};
use crate::store::mongo::{INVENTORY, PRODUCT, RESERVATION};

/// What there is of what was asked for.
#[derive(Deserialize)]
pub(super) struct Gathered {
    reservations: Vec<Reservation>,
    offers: Vec<OfferRow>,
    stocks: Vec<InventoryRow>,
}

/// Reads the reservations of these orders, and the shelves of these skus and of those that the reservations name.
pub(super) async fn gather(
    tx: &mut Transaction,
    orders: &BTreeSet<OrderId>,
    skus: &BTreeSet<&Sku>,
) -> Result<Gathered, StoreError> {
    let mut gathered = tx.gather(pipeline(orders, skus)).await?;
    // No answer must not be taken for "there is nothing".
    gathered
        .pop()
        .ok_or_else(|| StoreError::broken("the server answered a look at the stock with nothing"))
}

/// From orders and skus to one document with all that there is of them.
pub(in crate::store::mongo) fn pipeline(
    orders: &BTreeSet<OrderId>,
    skus: &BTreeSet<&Sku>,
) -> Vec<Document> {
    let orders: Vec<String> = orders.iter().map(ToString::to_string).collect();
    let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let held = doc! { "$reduce": {
        "input": "$reservations.lines.sku",
        "initialValue": [],
        "in": { "$concatArrays": ["$$value", "$$this"] },
    } };
    let offered =
        doc! { "sku": 1, "title": 1, "status": 1, "price": 1, "in_stock": 1, "replaced": 1 };
    vec![
        doc! { "$documents": [{ "orders": orders, "skus": skus }] },
        doc! { "$lookup": {
            "from": RESERVATION, "localField": "orders", "foreignField": "_id", "as": "reservations",
        } },
        doc! { "$set": { "skus": { "$setUnion": ["$skus", held] } } },
        doc! { "$lookup": {
            "from": PRODUCT, "localField": "skus", "foreignField": "sku", "as": "offers",
            "pipeline": [{ "$project": offered }],
        } },
        doc! { "$lookup": {
            "from": INVENTORY, "localField": "skus", "foreignField": "_id", "as": "stocks",
        } },
        doc! { "$project": { "reservations": 1, "offers": 1, "stocks": 1 } },
    ]
}

impl Gathered {
    /// The shelves of those skus that exist, and the reservations.
    pub(super) fn parts(self) -> Result<(Vec<Shelf>, Vec<Reservation>), StoreError> {
        let stocks = self.stocks.into_iter();
        let by_sku = |stock: InventoryRow| (stock.sku.clone(), stock);
        let mut stocks: BTreeMap<Sku, InventoryRow> = stocks.map(by_sku).collect();
        let stand = |offer: OfferRow| {
            let stock = stocks.remove(&offer.sku);
            let none = || StoreError::broken(format!("{} has no inventory", offer.sku));
            let stock = stock.ok_or_else(none)?;
            Ok(Shelf::new(offer, stock))
        };
        let shelves: Result<_, StoreError> = self.offers.into_iter().map(stand).collect();
        Ok((shelves?, self.reservations))
    }
}
