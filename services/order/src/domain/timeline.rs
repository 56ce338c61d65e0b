//! What happened to an order, as its customer reads it.

use contracts::Timestamp;

/// One thing that happened; each version of an order has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EntryKind,
    /// More about it: a reason, a tracking number.
    pub detail: Option<String>,
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// It was accepted.
    Placed,
    /// Stock is held and it waits for its payment.
    AwaitingPayment,
    /// It will be shipped.
    Confirmed,
    /// It could not be fulfilled.
    Rejected,
    /// Somebody or a deadline asked for it to be undone.
    CancelRequested,
    /// It is undone.
    Cancelled,
    /// A parcel left.
    Shipped,
    /// A parcel arrived and others are under way.
    ShipmentDelivered,
    /// The last parcel arrived.
    Delivered,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Placed,
        Self::AwaitingPayment,
        Self::Confirmed,
        Self::Rejected,
        Self::CancelRequested,
        Self::Cancelled,
        Self::Shipped,
        Self::ShipmentDelivered,
        Self::Delivered,
    ];

    /// Its text, as clients and stores see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::CancelRequested => "cancel_requested",
            Self::Cancelled => "cancelled",
            Self::Shipped => "shipped",
            Self::ShipmentDelivered => "shipment_delivered",
            Self::Delivered => "delivered",
        }
    }

    /// Reads what [`EntryKind::as_str`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
