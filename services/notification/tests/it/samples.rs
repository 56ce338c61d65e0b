//! Events as their producers tell them.

use contracts::events::order::{
    CancelReason, OrderCancelled, OrderConfirmed, OrderDelivered, OrderLine, OrderPlaced,
    OrderRejected, OrderShipped, OrderStatus, OrderSummary, ShipmentSummary,
};
use contracts::events::stock::{RejectedLine, RejectionCode, StockLine, StockLow};
use contracts::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use contracts::{
    Event, EventId, Money, OrderId, Payload, ProductId, Quantity, Role, ShipmentId, Timestamp,
    UserId,
};

/// The sample time: 2026-11-23T20:06:13Z.
pub fn start() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

pub fn event(version: u64, payload: impl Into<Payload>) -> Event {
    Event {
        id: EventId::at(start()),
        occurred_at: start(),
        aggregate_version: version,
        correlation_id: "test".to_owned(),
        payload: payload.into(),
    }
}

pub fn registered(user_id: UserId, name: &str, roles: &[Role]) -> UserRegistered {
    UserRegistered {
        user_id,
        email: format!("{}@example.com", name.to_lowercase()),
        name: name.to_owned(),
        roles: roles.to_vec(),
    }
}

pub fn renamed(user_id: UserId, name: &str) -> UserProfileUpdated {
    UserProfileUpdated {
        user_id,
        email: format!("{}@example.com", name.to_lowercase()),
        name: name.to_owned(),
    }
}

pub fn roles(user_id: UserId, roles: &[Role]) -> UserRolesChanged {
    UserRolesChanged {
        user_id,
        roles: roles.to_vec(),
    }
}

/// Two mugs and a lamp.
pub fn order(customer_id: UserId) -> OrderSummary {
    let line = |sku: &str, title: &str, quantity: u32, amount: i64| OrderLine {
        sku: sku.parse().unwrap(),
        title: title.to_owned(),
        quantity: Quantity::new(quantity).unwrap(),
        unit_price: Money::new(amount, "EUR".parse().unwrap()),
        line_total: Money::new(amount * i64::from(quantity), "EUR".parse().unwrap()),
    };
    OrderSummary {
        order_id: "ord_019abcde000070008000000000000002".parse().unwrap(),
        number: "K7Q2-41ZD".to_owned(),
        customer_id,
        lines: vec![
            line("MUG", "Stoneware mug", 2, 1299),
            line("LAMP", "Reading lamp", 1, 4905),
        ],
        total: Money::new(7503, "EUR".parse().unwrap()),
    }
}

/// An order of its own for each call.
pub fn new_order(customer_id: UserId) -> OrderSummary {
    OrderSummary {
        order_id: OrderId::at(start()),
        ..order(customer_id)
    }
}

pub fn placed(customer_id: UserId) -> OrderPlaced {
    let order = order(customer_id);
    OrderPlaced { order }
}

pub fn confirmed(customer_id: UserId) -> OrderConfirmed {
    let order = order(customer_id);
    OrderConfirmed {
        order,
        repeated: false,
    }
}

pub fn rejected(customer_id: UserId) -> OrderRejected {
    let refused = |sku: &str, code| RejectedLine {
        sku: sku.parse().unwrap(),
        code,
    };
    OrderRejected {
        order: order(customer_id),
        lines: vec![
            refused("MUG", RejectionCode::PriceChanged),
            refused("LAMP", RejectionCode::InsufficientStock),
        ],
    }
}

pub fn cancelled(customer_id: UserId) -> OrderCancelled {
    OrderCancelled {
        order: order(customer_id),
        reason: CancelReason::Customer,
    }
}

pub fn shipped(customer_id: UserId, order_status: OrderStatus) -> OrderShipped {
    OrderShipped {
        order: order(customer_id),
        shipment: ShipmentSummary {
            shipment_id: "shp_019abcde000070008000000000000004"
                .parse::<ShipmentId>()
                .unwrap(),
            carrier: "DHL".to_owned(),
            tracking_number: "00340434161094042557".to_owned(),
            lines: vec![StockLine {
                sku: "MUG".parse().unwrap(),
                quantity: Quantity::new(2).unwrap(),
            }],
        },
        order_status,
    }
}

pub fn delivered(customer_id: UserId) -> OrderDelivered {
    let order = order(customer_id);
    OrderDelivered { order }
}

pub fn low() -> StockLow {
    StockLow {
        product_id: "prd_019abcde000070008000000000000003"
            .parse::<ProductId>()
            .unwrap(),
        sku: "MUG".parse().unwrap(),
        title: "Stoneware mug".to_owned(),
        available: 4,
        threshold: 5,
    }
}
