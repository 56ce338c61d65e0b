//! I1, I2 and the stock side of I7.

use std::collections::BTreeMap;

use anyhow::Result;

use super::files::{Files, Store};

pub(super) fn violations(files: &Files) -> Result<Vec<String>> {
    let Some(product) = &files.product else {
        return Ok(Vec::new());
    };
    let mut found = sums(product)?;
    found.extend(lines(product)?);
    found.extend(answers(product)?);
    if let Some(order) = &files.order {
        found.extend(releases(product, order)?);
    }
    Ok(found)
}

/// I1: received = available + reserved + sold, all ≥ 0.
fn sums(product: &Store) -> Result<Vec<String>> {
    product.texts(
        "SELECT 'I1: ' || sku || ': received ' || received || ', available ' || available || ', reserved ' || reserved ||
           ', sold ' || sold
         FROM inventory
         WHERE received <> available + reserved + sold OR min(received, available, reserved, sold) < 0",
    )
}

/// I2: reserved = Σ held lines, sold = Σ committed lines.
fn lines(product: &Store) -> Result<Vec<String>> {
    product.texts(
        "WITH line AS (
           SELECT sku, sum(CASE WHEN state = 'held' THEN quantity ELSE 0 END) AS held,
             sum(CASE WHEN state = 'committed' THEN quantity ELSE 0 END) AS committed,
             sum(CASE WHEN state NOT IN ('held', 'committed') THEN quantity ELSE 0 END) AS stray
           FROM reservation_line JOIN reservation USING (order_id) GROUP BY sku)
         SELECT 'I2: ' || sku || ': reserved ' || reserved || ' of ' || coalesce(held, 0) || ' held, sold ' || sold ||
           ' of ' || coalesce(committed, 0) || ' committed, ' || coalesce(stray, 0) || ' for neither'
         FROM inventory LEFT JOIN line USING (sku)
         WHERE reserved <> coalesce(held, 0) OR sold <> coalesce(committed, 0) OR coalesce(stray, 0) <> 0",
    )
}

/// I7: an order is answered once, held or rejected, however often it was placed.
fn answers(product: &Store) -> Result<Vec<String>> {
    product.texts(
        "SELECT 'I7: ' || correlation_id || ' was answered by stock ' || count(*) || ' times' FROM outbox
         WHERE type IN ('stock.reserved.v1', 'stock.rejected.v1') GROUP BY correlation_id HAVING count(*) > 1",
    )
}

/// I7: each `order.cancel_requested` is answered by exactly one `stock.released`. Of orders whose events were not swept.
fn releases(product: &Store, order: &Store) -> Result<Vec<String>> {
    let asked = counts(
        order,
        "SELECT correlation_id, count(*) FROM outbox WHERE type = 'order.cancel_requested.v1' GROUP BY correlation_id",
    )?;
    let answered = counts(
        product,
        "SELECT correlation_id, count(*) FROM outbox
         WHERE type = 'stock.released.v1' AND body ->> 'outcome' <> 'restocked' GROUP BY correlation_id",
    )?;
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
    Ok(found)
}

fn counts(store: &Store, sql: &str) -> Result<BTreeMap<String, i64>> {
    let rows = store.rows(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.into_iter().collect())
}
