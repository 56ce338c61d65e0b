//! The state machine of an order: what it does about each thing it hears.
//!
//! Messages come more than once and in any order, so every input has an answer in every state: a change, the same
//! event once more, nothing, or a refusal to the person who asked. The order is the only one that decides; stock and
//! payment answer (`docs/architecture.md`, saga).

mod cancel;
mod fulfil;
#[cfg(test)]
mod model;
mod stock;

use std::time::Duration;

use contracts::events::order::{CancelReason, OrderStatus};
use contracts::events::stock::{RejectedLine, StockLine};
use contracts::{Payload, ShipmentId, Sku, Timestamp};

use crate::domain::{Entry, EntryKind, Order, Shipment, ShipmentText};

/// What an order can hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Stock holds all its lines.
    StockReserved,
    /// Stock holds none of its lines, and why.
    StockRejected(Vec<RejectedLine>),
    /// Stock holds none of its lines any more.
    StockReleased,
    /// Stock asks whether what it holds is still wanted.
    HoldExpired,
    /// Somebody wants it undone.
    Cancel(CancelReason),
    /// Its `due_at` has passed.
    DeadlinePassed,
    /// A parcel leaves.
    Ship(Dispatch),
    /// A parcel arrived.
    Delivered(ShipmentId),
}

/// A parcel that is to leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// The parcel to be.
    pub id: ShipmentId,
    /// What is in it; none means everything that has not left.
    pub lines: Option<Vec<StockLine>>,
    /// Who carries it.
    pub carrier: ShipmentText,
    /// Its number there.
    pub tracking_number: ShipmentText,
}

/// How long an order waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For stock to hold its lines.
    pub reserve: Duration,
    /// For stock to give its lines back, before it is asked again; doubled with every reminder.
    pub release: Duration,
    /// The most that doubling leads to.
    pub release_max: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            reserve: Duration::from_hours(1),
            release: Duration::from_secs(30),
            release_max: Duration::from_mins(10),
        }
    }
}

impl Deadlines {
    /// When stock is asked again after so many reminders.
    fn next_reminder(&self, reminders: u32, now: Timestamp) -> Timestamp {
        let doubled = self
            .release
            .saturating_mul(2_u32.saturating_pow(reminders.min(16)));
        now.plus(doubled.min(self.release_max))
    }
}

/// What an order does about an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It becomes another version of itself.
    Change(Box<Change>),
    /// It stays what it is and says something once more, under a new event id.
    Repeat {
        /// The order, unchanged for everybody but the sweeper.
        order: Box<Order>,
        /// What it says.
        event: Payload,
    },
    /// Nothing: it has heard this, or heard something newer.
    Ignore(Ignored),
    /// It cannot.
    Refuse(Refusal),
}

/// One step of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The order after the step.
    pub order: Order,
    /// What the step adds beside the order itself.
    pub record: Record,
    /// What its timeline says.
    pub entry: Entry,
    /// What the others hear.
    pub event: Option<Payload>,
}

/// What a step adds beside the order's own fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Nothing.
    Nothing,
    /// Stock's answer for each refused line.
    Rejection,
    /// One more parcel: the last of the order's shipments.
    Dispatched(ShipmentId),
    /// A parcel's arrival.
    Delivered(ShipmentId),
}

/// Why an input changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The order did this already.
    Duplicate,
    /// The order has moved past this.
    Stale,
}

/// Why a person's wish is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this state.
    #[error("the order is {}", .0.as_str())]
    InvalidTransition(OrderStatus),
    /// Every line has left.
    #[error("every line of the order has been shipped")]
    AlreadyShipped,
    /// No line will ever leave.
    #[error("the order is {} and has nothing to ship", .0.as_str())]
    NothingToShip(OrderStatus),
    /// The order has no such line.
    #[error("the order has no line for {0}")]
    UnknownLine(Sku),
    /// More than is left of a line.
    #[error("{left} of {sku} are left to ship")]
    TooMany {
        /// The line.
        sku: Sku,
        /// What is left of it.
        left: u32,
    },
    /// The order has no such parcel.
    #[error("the order has no such shipment")]
    UnknownShipment,
}

impl Order {
    /// What the order does about an input.
    #[must_use]
    pub fn decide(&self, input: &Input, deadlines: &Deadlines, now: Timestamp) -> Decision {
        match input {
            Input::StockReserved => stock::reserved(self, now),
            Input::StockRejected(lines) => stock::rejected(self, lines, now),
            Input::StockReleased => stock::released(self, now),
            Input::HoldExpired => stock::hold_expired(self, now),
            Input::Cancel(reason) => cancel::asked(self, *reason, deadlines, now),
            Input::DeadlinePassed => cancel::deadline_passed(self, deadlines, now),
            Input::Ship(dispatch) => fulfil::ship(self, dispatch, now),
            Input::Delivered(shipment) => fulfil::delivered(self, *shipment, now),
        }
    }

    /// The same order one version later, owing nobody an answer.
    fn step(&self, to: OrderStatus, now: Timestamp) -> Self {
        Self {
            status: to,
            version: self.version + 1,
            due_at: None,
            updated_at: now,
            ..self.clone()
        }
    }
}

impl Decision {
    fn change(
        order: Order,
        record: Record,
        (kind, detail): (EntryKind, Option<String>),
        event: Option<Payload>,
    ) -> Self {
        let entry = Entry {
            at: order.updated_at,
            kind,
            detail,
        };
        Self::Change(Box::new(Change {
            order,
            record,
            entry,
            event,
        }))
    }
}

/// The parcel a dispatch becomes.
fn parcel(dispatch: &Dispatch, lines: Vec<StockLine>, now: Timestamp) -> Shipment {
    Shipment {
        id: dispatch.id,
        carrier: dispatch.carrier.clone(),
        tracking_number: dispatch.tracking_number.clone(),
        lines,
        dispatched_at: now,
        delivered_at: None,
    }
}

#[cfg(test)]
pub(crate) mod samples;
