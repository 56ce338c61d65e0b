//! The invariants, computed from a snapshot.

pub(super) mod events;
pub(super) mod notifications;
pub(super) mod orders;
pub(super) mod projections;
pub(super) mod rest;
pub(super) mod stock;

use super::snapshot::Snapshot;

/// All that does not hold.
pub(super) fn violations(snapshot: &Snapshot) -> Vec<String> {
    [
        stock::violations(snapshot),
        orders::violations(snapshot),
        events::violations(snapshot),
        notifications::violations(snapshot),
        projections::violations(snapshot),
    ]
    .concat()
}

/// What must hold at every moment, also while the shop is at work: what one store says by itself.
pub(super) fn at_every_moment(snapshot: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(product) = &snapshot.product {
        found.extend(stock::alone(product));
    }
    if let Some(order) = &snapshot.order {
        found.extend(orders::alone(order, snapshot.taken_at));
    }
    if let Some(notification) = &snapshot.notification {
        found.extend(notifications::alone(notification));
    }
    found
}
