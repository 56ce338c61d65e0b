//! What the order service tells.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::stock::{RejectedLine, StockLine};
use crate::id::{OrderId, ShipmentId, UserId};
use crate::money::Money;
use crate::quantity::Quantity;
use crate::sku::Sku;

/// Where an order stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Accepted; stock has not answered.
    Pending,
    /// Stock is held; payment has not answered.
    AwaitingPayment,
    /// It will be shipped.
    Confirmed,
    /// Some of it is on the way.
    PartiallyShipped,
    /// All of it is on the way.
    Shipped,
    /// All of it arrived.
    Delivered,
    /// It could not be fulfilled; nothing is held.
    Rejected,
    /// It is being undone.
    Cancelling,
    /// It is undone; nothing is held.
    Cancelled,
    /// It came back.
    Returned,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::AwaitingPayment,
        Self::Confirmed,
        Self::PartiallyShipped,
        Self::Shipped,
        Self::Delivered,
        Self::Rejected,
        Self::Cancelling,
        Self::Cancelled,
        Self::Returned,
    ];

    /// Its text, as clients, stores and metrics see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirmed => "confirmed",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Rejected => "rejected",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Returned => "returned",
        }
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = OrderStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(OrderStatusError)
    }
}

/// Why a text is not an [`OrderStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the status of an order")]
pub struct OrderStatusError;

/// One line of an order, with the price it was placed at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderLine {
    /// What.
    pub sku: Sku,
    /// Its name for people when the order was placed.
    pub title: String,
    /// How many.
    pub quantity: Quantity,
    /// What one piece costs in this order.
    pub unit_price: Money,
    /// What the line costs.
    pub line_total: Money,
}

/// An order as the customer sees it: what every event about it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderSummary {
    /// The order.
    pub order_id: OrderId,
    /// Its short name for people.
    pub number: String,
    /// Who placed it.
    pub customer_id: UserId,
    /// What it consists of.
    pub lines: Vec<OrderLine>,
    /// What it costs.
    pub total: Money,
}

/// `order.placed.v1`: a question to stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    /// The order.
    pub order: OrderSummary,
}

/// `order.confirmed.v1`: what is held becomes sold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    /// The order.
    pub order: OrderSummary,
    /// Whether this was told before: the answer to a question of stock, and no news to the customer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// `order.rejected.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderRejected {
    /// The order.
    pub order: OrderSummary,
    /// What stood in the way.
    pub lines: Vec<RejectedLine>,
}

/// Why an order is undone.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// Its customer wanted it.
    Customer,
    /// An administrator wanted it.
    Administrator,
    /// Stock did not answer in time.
    ReservationTimeout,
    /// Payment did not come in time.
    PaymentTimeout,
    /// Payment was refused.
    PaymentFailed,
    /// Stock asked about an order that does not exist here.
    UnknownOrder,
}

/// `order.cancel_requested.v1`: stock answers each with one `stock.released.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelRequested {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: CancelReason,
}

/// `order.cancelled.v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    /// The order.
    pub order: OrderSummary,
    /// Why.
    pub reason: CancelReason,
}

/// One parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShipmentSummary {
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Who carries it.
    pub carrier: String,
    /// Its number there.
    pub tracking_number: String,
    /// What is in it.
    pub lines: Vec<StockLine>,
}

/// `order.shipped.v1`: one per parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderShipped {
    /// The order.
    pub order: OrderSummary,
    /// The parcel.
    pub shipment: ShipmentSummary,
    /// Whether more parcels follow: `partially_shipped` or `shipped`.
    pub order_status: OrderStatus,
}

/// `order.delivered.v1`: the last parcel arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDelivered {
    /// The order.
    pub order: OrderSummary,
}

/// `order.returned.v1`: pieces that came back and can be sold again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderReturned {
    /// The order.
    pub order_id: OrderId,
    /// What came back.
    pub lines: Vec<StockLine>,
}
