//! Which queue hears which events: the one binding table, for every broker.
//!
//! Every queue names its types one by one, so adding a type changes this table and nothing happens by accident.

use crate::event::EventType;

/// Keeps the order service's projection of the catalog.
pub const ORDER_CATALOG: &str = "order.catalog";
/// Brings stock's answers to orders.
pub const ORDER_STOCK: &str = "order.stock";
/// Brings orders' questions to stock.
pub const PRODUCT_ORDERS: &str = "product.orders";
/// Brings everything a person may want to hear about.
pub const NOTIFICATION_INTAKE: &str = "notification.intake";

/// One queue and the types it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The queue's name: its service, a dot, its purpose.
    pub queue: &'static str,
    /// The types routed to it.
    pub types: &'static [EventType],
}

/// All queues.
pub const BINDINGS: &[Binding] = &[
    Binding {
        queue: ORDER_CATALOG,
        types: &[
            EventType::ProductCreated,
            EventType::ProductUpdated,
            EventType::ProductArchived,
        ],
    },
    Binding {
        queue: ORDER_STOCK,
        types: &[
            EventType::StockReserved,
            EventType::StockRejected,
            EventType::StockReleased,
            EventType::StockHoldExpired,
        ],
    },
    Binding {
        queue: PRODUCT_ORDERS,
        types: &[
            EventType::OrderPlaced,
            EventType::OrderConfirmed,
            EventType::OrderCancelRequested,
            EventType::OrderReturned,
        ],
    },
    Binding {
        queue: NOTIFICATION_INTAKE,
        types: &[
            EventType::UserRegistered,
            EventType::UserProfileUpdated,
            EventType::UserRolesChanged,
            EventType::StockLow,
            EventType::OrderPlaced,
            EventType::OrderConfirmed,
            EventType::OrderRejected,
            EventType::OrderCancelled,
            EventType::OrderShipped,
            EventType::OrderDelivered,
        ],
    },
];

/// The queues that hear a type; none for what is told for its own sake.
pub fn consumers_of(event_type: EventType) -> impl Iterator<Item = &'static str> {
    BINDINGS
        .iter()
        .filter(move |binding| binding.types.contains(&event_type))
        .map(|binding| binding.queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placed_order_is_heard_by_stock_and_by_notification() {
        assert_eq!(
            consumers_of(EventType::OrderPlaced).collect::<Vec<_>>(),
            [PRODUCT_ORDERS, NOTIFICATION_INTAKE]
        );
        assert_eq!(consumers_of(EventType::NotificationFailed).count(), 0);
    }

    #[test]
    fn no_queue_and_no_type_of_a_queue_is_named_twice() {
        for (index, binding) in BINDINGS.iter().enumerate() {
            assert!(
                BINDINGS[index + 1..]
                    .iter()
                    .all(|other| other.queue != binding.queue)
            );
            for (index, event_type) in binding.types.iter().enumerate() {
                assert!(
                    !binding.types[index + 1..].contains(event_type),
                    "{event_type}"
                );
            }
        }
    }
}
