//! I11: projections hold the newest version of what they are made from.

use std::collections::BTreeMap;

use anyhow::Result;

use super::files::{Files, Store};

pub(super) fn violations(files: &Files) -> Result<Vec<String>> {
    let mut found = Vec::new();
    if let (Some(product), Some(order)) = (&files.product, &files.order) {
        found.extend(catalog(product, order)?);
    }
    if let (Some(user), Some(notification)) = (&files.user, &files.notification) {
        found.extend(contacts(user, notification)?);
    }
    Ok(found)
}

/// What orders are priced with is what the product service has.
fn catalog(product: &Store, order: &Store) -> Result<Vec<String>> {
    let products = versions(
        product,
        "SELECT id, printf('version %d, %s at %d %s, %s', version, sku, price_amount, price_currency, status)
         FROM product",
    )?;
    let projected = versions(
        order,
        "SELECT product_id, printf('version %d, %s at %d %s, %s', version, sku, price, currency, status) FROM catalog",
    )?;
    let mut found = Vec::new();
    for (id, now) in &products {
        match projected.get(id) {
            Some(seen) if seen == now => {}
            Some(seen) => found.push(format!("I11: {id} is {now}; orders see {seen}")),
            None => found.push(format!("I11: {id} is {now}; orders do not see it")),
        }
    }
    for id in projected.keys().filter(|id| !products.contains_key(*id)) {
        found.push(format!("I6: orders see {id}, which is no product"));
    }
    Ok(found)
}

/// Mails go where accounts say.
fn contacts(user: &Store, notification: &Store) -> Result<Vec<String>> {
    let accounts = versions(user, "SELECT id, name || ' <' || email || '>' FROM account")?;
    let contacts = versions(
        notification,
        "SELECT user_id, name || ' <' || email || '>' FROM contacts WHERE email IS NOT NULL",
    )?;
    let differs = accounts
        .iter()
        .filter(|(id, account)| contacts.get(*id) != Some(*account));
    // Names and addresses are not shown: what a checker prints ends in logs.
    Ok(differs
        .map(|(id, _)| format!("I11: the contact of {id} is not what the account says"))
        .collect())
}

fn versions(store: &Store, sql: &str) -> Result<BTreeMap<String, String>> {
    let rows = store.rows(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.into_iter().collect())
}

/// Whether orders can name the sku.
pub(super) fn knows(files: &Files, sku: &str) -> Result<bool> {
    let Some(order) = &files.order else {
        return Ok(false);
    };
    let known = order.rows("SELECT 1 FROM catalog WHERE sku = ?1", [sku], |_| Ok(()))?;
    Ok(!known.is_empty())
}
