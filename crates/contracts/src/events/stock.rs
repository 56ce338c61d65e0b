//! What the product service tells about stock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AdjustmentId, OrderId, ProductId};
use crate::quantity::Quantity;
use crate::sku::Sku;
use crate::time::Timestamp;

/// Pieces of one sku.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLine {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

/// Why a line could not be reserved.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RejectionCode {
    /// The price changed and the ordered one was replaced longer ago than the grace period.
    PriceChanged,
    /// The product is no longer offered.
    ProductArchived,
    /// Fewer pieces are available than ordered.
    InsufficientStock,
    /// There is no such product.
    UnknownSku,
}

impl RejectionCode {
    /// Its text, as clients and metrics see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PriceChanged => "price_changed",
            Self::ProductArchived => "product_archived",
            Self::InsufficientStock => "insufficient_stock",
            Self::UnknownSku => "unknown_sku",
        }
    }
}

/// One line that could not be reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedLine {
    /// What was asked for.
    pub sku: Sku,
    /// Why it was refused.
    pub code: RejectionCode,
}

/// `stock.reserved.v1`: all lines of the order are held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReserved {
    /// The order.
    pub order_id: OrderId,
    /// What is held.
    pub lines: Vec<StockLine>,
    /// When the product service will ask whether the hold is still wanted.
    pub held_until: Timestamp,
}

/// `stock.rejected.v1`: nothing is held for the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockRejected {
    /// The order.
    pub order_id: OrderId,
    /// The lines that stood in the way.
    pub lines: Vec<RejectedLine>,
}

/// What became of the stock of an order that asked for its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseOutcome {
    /// Pieces that were held or sold are available again.
    Released,
    /// Pieces that came back are available again.
    Restocked,
    /// There was nothing to give back.
    NothingHeld,
}

/// `stock.released.v1`: the one answer to each `order.cancel_requested.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockReleased {
    /// The order.
    pub order_id: OrderId,
    /// What happened.
    pub outcome: ReleaseOutcome,
}

/// `stock.hold_expired.v1`: a question. The order answers by its state; nothing is released before it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockHoldExpired {
    /// The order.
    pub order_id: OrderId,
}

/// `stock.adjusted.v1`: a person changed the stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockAdjusted {
    /// The change.
    pub adjustment_id: AdjustmentId,
    /// The product.
    pub sku: Sku,
    /// Pieces added, or removed if negative.
    pub quantity: i64,
    /// Why, in that person's words.
    pub reason: String,
    /// Pieces that can be ordered now.
    pub available: u64,
}

/// `stock.low.v1`: the available pieces fell to the threshold or below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockLow {
    /// The product.
    pub product_id: ProductId,
    /// Its stock keeping unit.
    pub sku: Sku,
    /// Its name for people.
    pub title: String,
    /// Pieces that can be ordered now.
    pub available: u64,
    /// The number at which somebody wants to know.
    pub threshold: u64,
}
