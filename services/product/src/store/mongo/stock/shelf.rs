//! One sku as a transaction has read it, and as it leaves it.

use contracts::events::product::ProductStatus;
use contracts::events::stock::StockLow;
use contracts::{Currency, Money, ProductId, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use store_kit::StoreError;

use crate::domain::stock::{Offer, Rules};
use crate::store::Inventory;

/// What selling a product depends on: a part of its document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(in crate::store::mongo) struct OfferRow {
    #[serde(rename = "_id")]
    pub(in crate::store::mongo) id: ProductId,
    pub(in crate::store::mongo) sku: Sku,
    title: String,
    status: ProductStatus,
    price: Money,
    in_stock: bool,
    replaced: Vec<Replaced>,
}

/// A price that is no longer asked. What is older than the grace period is forgotten with the next change of price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::mongo) struct Replaced {
    pub(in crate::store::mongo) amount: i64,
    pub(in crate::store::mongo) currency: Currency,
    /// Milliseconds since 1970.
    pub(in crate::store::mongo) at: i64,
}

impl Replaced {
    /// The amount that was asked.
    pub(in crate::store::mongo) fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }
}

/// A document of `inventory`; its validator is invariant I1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store::mongo) struct InventoryRow {
    #[serde(rename = "_id")]
    pub(in crate::store::mongo) sku: Sku,
    received: u64,
    pub(in crate::store::mongo) available: u64,
    reserved: u64,
    sold: u64,
    low_told: bool,
    pub(in crate::store::mongo) version: u64,
}

impl InventoryRow {
    /// The stock of a new product. Nothing is low that was never there.
    pub(in crate::store::mongo) fn empty(sku: Sku) -> Self {
        Self {
            sku,
            received: 0,
            available: 0,
            reserved: 0,
            sold: 0,
            low_told: true,
            version: 1,
        }
    }

    pub(in crate::store::mongo) fn inventory(&self) -> Inventory {
        Inventory {
            sku: self.sku.clone(),
            received: self.received,
            available: self.available,
            reserved: self.reserved,
            sold: self.sold,
            version: self.version,
        }
    }

    /// Adds pieces that came in, or takes away those that are written off.
    pub(in crate::store::mongo) fn adjust(&mut self, pieces: i64) -> Result<(), StoreError> {
        let add = |number: u64| {
            let sum = number.checked_add_signed(pieces);
            // The store keeps numbers of 63 bits.
            sum.filter(|sum| i64::try_from(*sum).is_ok())
                .ok_or_else(|| impossible(&self.sku, "an adjustment"))
        };
        (self.received, self.available) = (add(self.received)?, add(self.available)?);
        self.version += 1;
        Ok(())
    }

    /// Tells `stock.low` once when the available pieces fall to the threshold, and again only after they were above it.
    pub(in crate::store::mongo) fn low(
        &mut self,
        product_id: ProductId,
        title: &str,
        rules: Rules,
    ) -> Option<StockLow> {
        let low = self.available <= rules.low_threshold;
        let news = low && !self.low_told;
        self.low_told = low;
        news.then(|| StockLow {
            product_id,
            sku: self.sku.clone(),
            title: title.to_owned(),
            available: self.available,
            threshold: rules.low_threshold,
        })
    }
}

/// Where pieces are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::mongo) enum Place {
    Available,
    Reserved,
    Sold,
}

/// A sku: what is offered, and how much of it is there.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store::mongo) struct Shelf {
    pub(in crate::store::mongo) offer: OfferRow,
    pub(in crate::store::mongo) stock: InventoryRow,
    /// As it was read.
    before: InventoryRow,
}

impl Shelf {
    pub(in crate::store::mongo) fn new(offer: OfferRow, stock: InventoryRow) -> Self {
        Self {
            offer,
            before: stock.clone(),
            stock,
        }
    }

    /// What the rules ask about an order at this price.
    pub(in crate::store::mongo) fn offer_at(&self, ordered: Money) -> Offer {
        let replaced = self.offer.replaced.iter();
        let replaced = replaced.filter(|price| price.money() == ordered);
        Offer {
            status: self.offer.status,
            price: self.offer.price,
            available: self.stock.available,
            ordered_price_replaced_at: replaced
                .map(|price| Timestamp::from_unix_millis(price.at))
                .max(),
        }
    }

    /// Moves pieces from one place to another, never more than are there.
    pub(in crate::store::mongo) fn move_pieces(
        &mut self,
        from: Place,
        to: Place,
        pieces: u64,
    ) -> Result<(), StoreError> {
        let left = self.pieces(from).checked_sub(pieces);
        *self.pieces(from) =
            left.ok_or_else(|| impossible(&self.stock.sku, "a move between its places"))?;
        *self.pieces(to) += pieces;
        self.stock.version += 1;
        Ok(())
    }

    fn pieces(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::Available => &mut self.stock.available,
            Place::Reserved => &mut self.stock.reserved,
            Place::Sold => &mut self.stock.sold,
        }
    }

    pub(in crate::store::mongo) fn low(&mut self, rules: Rules) -> Option<StockLow> {
        self.stock.low(self.offer.id, &self.offer.title, rules)
    }

    /// The stock to write, and the version it was read at; none if it is as it was.
    pub(in crate::store::mongo) fn changed_stock(&self) -> Option<(&InventoryRow, u64)> {
        (self.stock != self.before).then_some((&self.stock, self.before.version))
    }

    /// Whether it can be had, if the product says otherwise: lists are filtered by it.
    pub(in crate::store::mongo) fn changed_in_stock(&self) -> Option<bool> {
        let in_stock = self.stock.available > 0;
        (in_stock != self.offer.in_stock).then_some(in_stock)
    }
}

/// Numbers that this program never writes: whoever reads the error has to look at the data.
fn impossible(sku: &Sku, what: &str) -> StoreError {
    StoreError::broken(format!(
        "{what} leaves the stock of {sku} with an impossible number of pieces"
    ))
}
