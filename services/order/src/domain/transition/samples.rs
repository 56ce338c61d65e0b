//! Orders and parcels for tests.

use contracts::events::order::{CancelReason, OrderStatus};
use contracts::events::stock::StockLine;
use contracts::{Money, OrderId, Quantity, ShipmentId, Timestamp, UserId};

use crate::domain::transition::{Change, Deadlines, Decision, Dispatch};
use crate::domain::{Draft, Line, Order, OrderNumber, PaymentMethod, PricedLines, ShipmentText};

/// When the sample order was placed.
pub fn start() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

/// A moment before any of the sample order's deadlines.
pub fn later() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_374_000)
}

fn line(sku: &str, pieces: u32, amount: i64) -> Line {
    let unit_price = Money::new(amount, "EUR".parse().unwrap());
    let quantity = Quantity::new(pieces).unwrap();
    Line {
        sku: sku.parse().unwrap(),
        title: format!("The {sku}"),
        quantity,
        unit_price,
        line_total: unit_price.checked_mul(quantity).unwrap(),
        rejection: None,
    }
}

/// Two mugs and a cup, in a state.
pub fn order_in(status: OrderStatus) -> Order {
    let lines = vec![line("MUG", 2, 1299), line("CUP", 1, 500)];
    let total = Money::new(3098, "EUR".parse().unwrap());
    let draft = Draft {
        id: OrderId::from_uuid("019abcde-0000-7000-8000-0000000000ff".parse().unwrap()),
        customer_id: UserId::from_uuid("019abcde-0000-7000-8000-0000000000aa".parse().unwrap()),
        payment_method: PaymentMethod::Manual,
        shipping_address: None,
    };
    let priced = PricedLines { lines, total };
    let deadlines = Deadlines::default();
    let mut order = Order::place(draft, OrderNumber::of(1), priced, &deadlines, start()).order;
    order.status = status;
    if matches!(status, OrderStatus::Cancelling | OrderStatus::Cancelled) {
        order.cancel_reason = Some(CancelReason::Customer);
    }
    order
}

/// The `n`th parcel.
pub fn dispatch(n: u16, lines: Option<Vec<StockLine>>) -> Dispatch {
    let id = format!("019abcde-0000-7000-8000-00000000{n:04x}");
    Dispatch {
        id: ShipmentId::from_uuid(id.parse().unwrap()),
        lines,
        carrier: ShipmentText::try_from("DHL").unwrap(),
        tracking_number: ShipmentText::try_from("JD0001").unwrap(),
    }
}

/// The change a decision is.
pub fn change(decision: Decision) -> Change {
    match decision {
        Decision::Change(change) => *change,
        other => panic!("expected a change, got {other:?}"),
    }
}
