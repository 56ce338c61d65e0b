//! Orders as clients see them. Fields may be added, none renamed.

use contracts::events::order::{CancelReason, OrderStatus};
use contracts::events::stock::{RejectionCode, StockLine};
use contracts::{Money, OrderId, Quantity, ShipmentId, Sku, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{self, Address, ShipmentStatus};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderBody {
    /// The order.
    pub id: OrderId,
    /// Its short name for people.
    #[schema(example = "S-00001Y")]
    pub number: String,
    /// Who placed it.
    pub customer_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it consists of.
    pub items: Vec<ItemBody>,
    /// What it costs.
    pub totals: TotalsBody,
    /// Where it goes.
    pub shipping_address: Option<Address>,
    /// How it is paid.
    pub payment: PaymentBody,
    /// Why it was rejected, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<RejectionBody>,
    /// Why it is or was undone, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// Its parcels, in the order they left.
    pub shipments: Vec<ShipmentBody>,
    /// Counts its changes from 1.
    pub version: u64,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One line of an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderItem)]
pub struct ItemBody {
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

/// What an order costs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderTotals)]
pub struct TotalsBody {
    /// All lines.
    pub items: Money,
    /// Shipping.
    pub shipping: Money,
    /// What is taken off.
    pub discount: Money,
    /// Tax that comes on top.
    pub tax: Money,
    /// The sum to pay.
    pub total: Money,
}

/// How an order is paid.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPayment)]
pub struct PaymentBody {
    /// `manual`: outside of this system.
    pub method: &'static str,
}

/// Why an order was rejected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderRejection)]
pub struct RejectionBody {
    /// The code of the first line that stood in the way.
    pub code: RejectionCode,
    /// All lines that stood in the way.
    pub items: Vec<RejectedItemBody>,
}

/// One line that stood in the way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedItem)]
pub struct RejectedItemBody {
    /// The line.
    pub sku: Sku,
    /// Why.
    pub code: RejectionCode,
}

/// One parcel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shipment)]
pub struct ShipmentBody {
    /// The parcel.
    pub id: ShipmentId,
    /// Where it is.
    pub status: ShipmentStatus,
    /// What is in it.
    pub items: Vec<ShipmentItemBody>,
    /// Who carries it.
    pub carrier: String,
    /// Its number there.
    pub tracking_number: String,
    /// When it left.
    pub dispatched_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// Pieces in a parcel.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShipmentItem)]
pub struct ShipmentItemBody {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

impl From<domain::Order> for OrderBody {
    fn from(order: domain::Order) -> Self {
        let nothing = Money::zero(order.total.currency);
        Self {
            id: order.id,
            number: order.number.to_string(),
            customer_id: order.customer_id,
            status: order.status,
            rejection: rejection(&order),
            items: order.lines.into_iter().map(ItemBody::from).collect(),
            totals: TotalsBody {
                items: order.total,
                shipping: nothing,
                discount: nothing,
                tax: nothing,
                total: order.total,
            },
            shipping_address: order.shipping_address,
            payment: PaymentBody {
                method: order.payment_method.as_str(),
            },
            cancel_reason: order.cancel_reason,
            shipments: order
                .shipments
                .into_iter()
                .map(ShipmentBody::from)
                .collect(),
            version: order.version,
            created_at: order.created_at,
            updated_at: order.updated_at,
        }
    }
}

fn rejection(order: &domain::Order) -> Option<RejectionBody> {
    let lines = order.rejected_lines();
    let code = lines.first()?.code;
    let items = lines
        .into_iter()
        .map(|line| RejectedItemBody {
            sku: line.sku,
            code: line.code,
        })
        .collect();
    Some(RejectionBody { code, items })
}

impl From<domain::Line> for ItemBody {
    fn from(line: domain::Line) -> Self {
        Self {
            sku: line.sku,
            title: line.title,
            quantity: line.quantity,
            unit_price: line.unit_price,
            line_total: line.line_total,
        }
    }
}

impl From<domain::Shipment> for ShipmentBody {
    fn from(shipment: domain::Shipment) -> Self {
        Self {
            id: shipment.id,
            status: shipment.status(),
            carrier: shipment.carrier.as_str().to_owned(),
            tracking_number: shipment.tracking_number.as_str().to_owned(),
            items: shipment
                .lines
                .into_iter()
                .map(ShipmentItemBody::from)
                .collect(),
            dispatched_at: shipment.dispatched_at,
            delivered_at: shipment.delivered_at,
        }
    }
}

impl From<StockLine> for ShipmentItemBody {
    fn from(line: StockLine) -> Self {
        Self {
            sku: line.sku,
            quantity: line.quantity,
        }
    }
}
