//! The order itself.

use contracts::events::order::{CancelReason, OrderLine, OrderPlaced, OrderStatus, OrderSummary};
use contracts::events::stock::{RejectedLine, RejectionCode, StockLine};
use contracts::{Money, OrderId, Payload, Quantity, Sku, Timestamp, UserId};

use crate::domain::transition::Deadlines;
use crate::domain::{Address, Entry, EntryKind, OrderNumber, PricedLines, Shipment};

/// How an order is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentMethod {
    /// Outside of this system: an order is confirmed as soon as its stock is held.
    Manual,
}

impl PaymentMethod {
    /// Its text, as clients and stores see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
        }
    }

    /// Reads what [`PaymentMethod::as_str`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        (text == Self::Manual.as_str()).then_some(Self::Manual)
    }
}

/// One line, with the title and the price it had when the order was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// Its name for people.
    pub title: String,
    /// How many.
    pub quantity: Quantity,
    /// What one piece costs.
    pub unit_price: Money,
    /// What the line costs.
    pub line_total: Money,
    /// Why stock refused it, if it did.
    pub rejection: Option<RejectionCode>,
}

/// An order as of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Its short name for people.
    pub number: OrderNumber,
    /// Who placed it.
    pub customer_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Counts its changes from 1: the `aggregate_version` of its events and its `ETag`.
    pub version: u64,
    /// What it consists of; no sku twice.
    pub lines: Vec<Line>,
    /// What it costs.
    pub total: Money,
    /// How it is paid.
    pub payment_method: PaymentMethod,
    /// Where it goes, if somebody said so.
    pub shipping_address: Option<Address>,
    /// Why it is being undone, once it is.
    pub cancel_reason: Option<CancelReason>,
    /// Its parcels, in the order they left.
    pub shipments: Vec<Shipment>,
    /// When the sweeper has to do something about it; none while nobody owes it an answer.
    pub due_at: Option<Timestamp>,
    /// How often stock was asked again to give its stock back.
    pub reminders: u32,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a customer wants to order, before it has a place in the sequence and prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The order to be.
    pub id: OrderId,
    /// Who places it.
    pub customer_id: UserId,
    /// How it is paid.
    pub payment_method: PaymentMethod,
    /// Where it goes, if somebody said so.
    pub shipping_address: Option<Address>,
}

/// A new order, and what placing it puts into its timeline and tells the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The order.
    pub order: Order,
    /// Its first entry.
    pub entry: Entry,
    /// `order.placed.v1`.
    pub event: Payload,
}

impl Order {
    /// A new order: pending until stock answers or the deadline passes.
    #[must_use]
    pub fn place(
        draft: Draft,
        number: OrderNumber,
        priced: PricedLines,
        deadlines: &Deadlines,
        now: Timestamp,
    ) -> Placed {
        let order = Self {
            id: draft.id,
            number,
            customer_id: draft.customer_id,
            status: OrderStatus::Pending,
            version: 1,
            lines: priced.lines,
            total: priced.total,
            payment_method: draft.payment_method,
            shipping_address: draft.shipping_address,
            cancel_reason: None,
            shipments: Vec::new(),
            due_at: Some(now.plus(deadlines.reserve)),
            reminders: 0,
            created_at: now,
            updated_at: now,
        };
        let event = OrderPlaced {
            order: order.summary(),
        }
        .into();
        let entry = Entry {
            at: now,
            kind: EntryKind::Placed,
            detail: None,
        };
        Placed {
            order,
            entry,
            event,
        }
    }

    /// What events say of it.
    #[must_use]
    pub fn summary(&self) -> OrderSummary {
        OrderSummary {
            order_id: self.id,
            number: self.number.to_string(),
            customer_id: self.customer_id,
            lines: self
                .lines
                .iter()
                .map(|line| OrderLine {
                    sku: line.sku.clone(),
                    title: line.title.clone(),
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    line_total: line.line_total,
                })
                .collect(),
            total: self.total,
        }
    }

    /// The lines stock refused.
    #[must_use]
    pub fn rejected_lines(&self) -> Vec<RejectedLine> {
        self.lines
            .iter()
            .filter_map(|line| {
                Some(RejectedLine {
                    sku: line.sku.clone(),
                    code: line.rejection?,
                })
            })
            .collect()
    }

    /// What no parcel holds yet.
    #[must_use]
    pub fn unshipped(&self) -> Vec<StockLine> {
        self.lines
            .iter()
            .filter_map(|line| {
                let shipped = self.shipped(&line.sku);
                let left = Quantity::new(line.quantity.get().saturating_sub(shipped)).ok()?;
                Some(StockLine {
                    sku: line.sku.clone(),
                    quantity: left,
                })
            })
            .collect()
    }

    fn shipped(&self, sku: &Sku) -> u32 {
        self.shipments
            .iter()
            .flat_map(|shipment| &shipment.lines)
            .filter(|line| line.sku == *sku)
            .map(|line| line.quantity.get())
            .fold(0, u32::saturating_add)
    }

    /// What people may do with it now, for an answer that says why something is not possible.
    #[must_use]
    pub fn allowed(&self) -> &'static [&'static str] {
        match self.status {
            OrderStatus::Pending | OrderStatus::AwaitingPayment => &["cancel"],
            OrderStatus::Confirmed => &["cancel", "ship"],
            OrderStatus::PartiallyShipped => &["ship", "deliver"],
            OrderStatus::Shipped => &["deliver"],
            OrderStatus::Delivered
            | OrderStatus::Rejected
            | OrderStatus::Cancelling
            | OrderStatus::Cancelled
            | OrderStatus::Returned => &[],
        }
    }
}
