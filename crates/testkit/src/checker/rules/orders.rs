//! I4 and I8: orders and what the others know of them.

use std::collections::BTreeMap;

use crate::checker::snapshot::{Lines, Order, Orders, Reservation, Snapshot};

/// Keys are kept for two days.
const DAY: i64 = 86_400_000;

pub(in crate::checker) fn violations(snapshot: &Snapshot) -> Vec<String> {
    let Some(order) = &snapshot.order else {
        return Vec::new();
    };
    let mut found = alone(order, snapshot.taken_at);
    if let Some(product) = &snapshot.product {
        found.extend(reservations(&order.orders, &product.reservations));
    }
    found
}

/// What the store of the order service says by itself.
pub(super) fn alone(order: &Orders, now: i64) -> Vec<String> {
    [keys(order, now), versions(order)].concat()
}

/// I4, in both directions.
fn reservations(
    orders: &BTreeMap<String, Order>,
    reservations: &BTreeMap<String, Reservation>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (id, order) in orders {
        if let Some(wrong) = mismatch(order, reservations.get(id)) {
            found.push(format!("I4: {id} is {}: {wrong}", order.status));
        }
    }
    for (id, reservation) in reservations {
        if !orders.contains_key(id) && (takes_stock(reservation) || !reservation.lines.is_empty()) {
            found.push(format!(
                "I4: {} for {id}, which is no order",
                reservation.state
            ));
        }
    }
    found
}

fn takes_stock(reservation: &Reservation) -> bool {
    matches!(reservation.state.as_str(), "held" | "committed")
}

fn mismatch(order: &Order, reservation: Option<&Reservation>) -> Option<String> {
    let taken = reservation.filter(|reservation| takes_stock(reservation));
    let state = reservation.map_or("unknown", |reservation| reservation.state.as_str());
    match order.status.as_str() {
        "confirmed" | "partially_shipped" | "shipped" | "delivered" => match taken {
            None => Some(format!("its stock is {state}")),
            Some(taken) if taken.lines != order.lines => Some(format!(
                "{:?} ordered, {:?} {state}",
                order.lines, taken.lines
            )),
            Some(_) => None,
        },
        "rejected" | "cancelled" => {
            let some = reservation.is_some_and(|reservation| !reservation.lines.is_empty());
            (taken.is_some() || some).then(|| format!("its stock is {state}"))
        }
        "returned" => {
            let sold = taken.map(|taken| &taken.lines);
            let within = |sold: &Lines| {
                sold.iter().all(|(sku, pieces)| {
                    order.lines.get(sku).is_some_and(|bought| pieces <= bought)
                })
            };
            (!sold.is_none_or(within))
                .then(|| format!("{:?} ordered, {sold:?} {state}", order.lines))
        }
        // Those that pass by themselves are no rest, and are waited for.
        _ => None,
    }
}

/// I8: an order was placed under one key, and a key that placed an order leads to one that is there. A young order without
/// one was placed twice or its key was lost.
fn keys(order: &Orders, now: i64) -> Vec<String> {
    let mut placed: BTreeMap<&str, u64> = BTreeMap::new();
    for key in order.keys.values().filter(|key| key.status == 201) {
        *placed.entry(&key.object_id).or_default() += 1;
    }
    let young = order
        .orders
        .iter()
        .filter(|(_, order)| order.created_at > now - DAY);
    let mut found = Vec::new();
    for (id, _) in young {
        let keys = placed.get(id.as_str()).copied().unwrap_or(0);
        if keys != 1 {
            found.push(format!("I8: {id} was placed under {keys} keys"));
        }
    }
    for ((caller, key), kept) in &order.keys {
        if kept.object_id.starts_with("ord_") && !order.orders.contains_key(&kept.object_id) {
            found.push(format!(
                "I8: the key {key} of {caller} placed {}, which is no order",
                kept.object_id
            ));
        }
    }
    found
}

/// I7: each change of an order happened once: its timeline has an entry for each version, without gaps.
fn versions(order: &Orders) -> Vec<String> {
    let wrong = order
        .orders
        .iter()
        .filter(|(_, order)| !order.timeline.iter().copied().eq(1..=order.version));
    wrong
        .map(|(id, order)| {
            let changes = order.timeline.len();
            format!(
                "I7: {id} is at version {} after {changes} changes",
                order.version
            )
        })
        .collect()
}
