//! I1, I2 and the stock side of I7.

use std::collections::BTreeMap;

use crate::checker::snapshot::{Messages, Orders, Snapshot, Stock, Told};

pub(in crate::checker) fn violations(snapshot: &Snapshot) -> Vec<String> {
    let Some(product) = &snapshot.product else {
        return Vec::new();
    };
    let mut found = alone(product);
    if let Some(order) = &snapshot.order {
        found.extend(releases(product, order));
    }
    found
}

/// What the store of the product service says by itself.
pub(super) fn alone(product: &Stock) -> Vec<String> {
    [sums(product), lines(product), answers(product)].concat()
}

/// I1: received = available + reserved + sold, all ≥ 0.
fn sums(product: &Stock) -> Vec<String> {
    let wrong = product.shelves.iter().filter(|(_, shelf)| {
        let parts = [shelf.available, shelf.reserved, shelf.sold];
        shelf.received != parts.iter().sum::<i64>() || parts.iter().any(|part| *part < 0)
    });
    wrong
        .map(|(sku, shelf)| {
            format!(
                "I1: {sku}: received {}, available {}, reserved {}, sold {}",
                shelf.received, shelf.available, shelf.reserved, shelf.sold
            )
        })
        .collect()
}

/// The pieces of reservations by sku.
#[derive(Default)]
struct Pieces {
    held: i64,
    committed: i64,
    stray: i64,
}

/// I2: reserved = Σ held lines, sold = Σ committed lines.
fn lines(product: &Stock) -> Vec<String> {
    let mut by_sku: BTreeMap<&str, Pieces> = BTreeMap::new();
    for reservation in product.reservations.values() {
        for (sku, quantity) in &reservation.lines {
            let pieces = by_sku.entry(sku).or_default();
            match reservation.state.as_str() {
                "held" => pieces.held += quantity,
                "committed" => pieces.committed += quantity,
                _ => pieces.stray += quantity,
            }
        }
    }
    let mut found = Vec::new();
    for (sku, shelf) in &product.shelves {
        let Pieces {
            held,
            committed,
            stray,
        } = by_sku.remove(sku.as_str()).unwrap_or_default();
        if shelf.reserved != held || shelf.sold != committed || stray != 0 {
            found.push(format!(
                "I2: {sku}: reserved {} of {held} held, sold {} of {committed} committed, {stray} for neither",
                shelf.reserved, shelf.sold
            ));
        }
    }
    found.extend(
        by_sku
            .keys()
            .map(|sku| format!("I2: {sku} is held or sold and not there")),
    );
    found
}

/// I7: an order is answered once, held or rejected, however often it was placed.
fn answers(product: &Stock) -> Vec<String> {
    let answers = count(&product.messages, |told| {
        matches!(
            told.event_type.as_str(),
            "stock.reserved.v1" | "stock.rejected.v1"
        )
    });
    let doubled = answers.iter().filter(|(_, times)| **times > 1);
    doubled
        .map(|(id, times)| format!("I7: {id} was answered by stock {times} times"))
        .collect()
}

/// I7: each `order.cancel_requested` is answered by exactly one `stock.released`. Of orders whose events were not swept.
fn releases(product: &Stock, order: &Orders) -> Vec<String> {
    let asked = count(&order.messages, |told| {
        told.event_type == "order.cancel_requested.v1"
    });
    let answered = count(&product.messages, |told| {
        told.event_type == "stock.released.v1" && told.about.outcome.as_deref() != Some("restocked")
    });
    let mut found = Vec::new();
    for (id, asked) in &asked {
        let answers = answered.get(id).copied().unwrap_or(0);
        if answers != *asked {
            found.push(format!(
                "I7: {id} asked {asked} times for release and was answered {answers} times"
            ));
        }
    }
    for id in answered.keys().filter(|id| !asked.contains_key(*id)) {
        found.push(format!("I7: {id} was released without being asked for"));
    }
    found
}

/// How many such events are about each thing.
fn count(messages: &Messages, wanted: impl Fn(&Told) -> bool) -> BTreeMap<&str, u64> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for told in messages.outbox.values().filter(|told| wanted(told)) {
        *counts.entry(&told.correlation_id).or_default() += 1;
    }
    counts
}
