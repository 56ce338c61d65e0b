//! I4 and I8: orders and what the others know of them.

use std::collections::BTreeMap;

use anyhow::Result;
use rusqlite::Row;

use super::files::{Files, Store};

/// Pieces by sku.
type Lines = BTreeMap<String, i64>;

struct Order {
    status: String,
    lines: Lines,
}

struct Reservation {
    state: String,
    lines: Lines,
}

pub(super) fn violations(files: &Files) -> Result<Vec<String>> {
    let Some(order) = &files.order else {
        return Ok(Vec::new());
    };
    let mut found = keys(order)?;
    found.extend(versions(order)?);
    if let Some(product) = &files.product {
        found.extend(reservations(&orders(order)?, &held(product)?));
    }
    Ok(found)
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

fn orders(order: &Store) -> Result<BTreeMap<String, Order>> {
    let heads = order.rows("SELECT id, status FROM orders", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let mut lines = lines(order, "SELECT order_id, sku, quantity FROM order_lines")?;
    let orders = heads.into_iter().map(|(id, status): (String, String)| {
        let lines = lines.remove(&id).unwrap_or_default();
        (id, Order { status, lines })
    });
    Ok(orders.collect())
}

fn held(product: &Store) -> Result<BTreeMap<String, Reservation>> {
    let heads = product.rows("SELECT order_id, state FROM reservation", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let mut lines = lines(
        product,
        "SELECT order_id, sku, quantity FROM reservation_line WHERE quantity > 0",
    )?;
    let reservations = heads.into_iter().map(|(id, state): (String, String)| {
        let lines = lines.remove(&id).unwrap_or_default();
        (id, Reservation { state, lines })
    });
    Ok(reservations.collect())
}

fn lines(store: &Store, sql: &str) -> Result<BTreeMap<String, Lines>> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let rows: Vec<(String, String, i64)> = store.rows(sql, [], read)?;
    let mut lines: BTreeMap<String, Lines> = BTreeMap::new();
    for (order, sku, quantity) in rows {
        *lines.entry(order).or_default().entry(sku).or_default() += quantity;
    }
    Ok(lines)
}

/// I8: an order was placed under one key, and a key that placed an order leads to one that is there. Keys are kept for two
/// days; a younger order without one was placed twice or its key was lost.
fn keys(order: &Store) -> Result<Vec<String>> {
    let mut found = order.texts(
        "SELECT 'I8: ' || o.id || ' was placed under ' || count(k.key) || ' keys'
         FROM orders o LEFT JOIN idempotency k ON k.object_id = o.id AND k.status = 201
         WHERE o.created_at > CAST(unixepoch('subsec') * 1000 AS INTEGER) - 86400000
         GROUP BY o.id HAVING count(k.key) <> 1",
    )?;
    found.extend(order.texts(
        "SELECT 'I8: the key ' || key || ' of ' || caller || ' placed ' || object_id || ', which is no order'
         FROM idempotency WHERE object_id LIKE 'ord!_%' ESCAPE '!'
           AND object_id NOT IN (SELECT id FROM orders)",
    )?);
    Ok(found)
}

/// I7: each change of an order happened once: its timeline has an entry for each version, without gaps.
fn versions(order: &Store) -> Result<Vec<String>> {
    order.texts(
        "SELECT 'I7: ' || o.id || ' is at version ' || o.version || ' after ' || count(t.version) || ' changes'
         FROM orders o LEFT JOIN timeline t ON t.order_id = o.id
         GROUP BY o.id HAVING count(t.version) <> o.version OR coalesce(max(t.version), 0) <> o.version",
    )
}
