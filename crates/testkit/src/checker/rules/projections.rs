//! I11: projections hold the newest version of what they are made from.

use crate::checker::snapshot::{Notifications, Offer, Orders, Snapshot, Stock, Users};

pub(in crate::checker) fn violations(snapshot: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(product), Some(order)) = (&snapshot.product, &snapshot.order) {
        found.extend(catalog(product, order));
    }
    if let (Some(user), Some(notification)) = (&snapshot.user, &snapshot.notification) {
        found.extend(contacts(user, notification));
    }
    found
}

/// What orders are priced with is what the product service has.
fn catalog(product: &Stock, order: &Orders) -> Vec<String> {
    let mut found = Vec::new();
    for (id, now) in &product.products {
        match order.catalog.get(id) {
            Some(seen) if seen == now => {}
            Some(seen) => {
                found.push(format!(
                    "I11: {id} is {}; orders see {}",
                    shown(now),
                    shown(seen)
                ));
            }
            None => found.push(format!("I11: {id} is {}; orders do not see it", shown(now))),
        }
    }
    let unknown = order
        .catalog
        .keys()
        .filter(|id| !product.products.contains_key(*id));
    found.extend(unknown.map(|id| format!("I6: orders see {id}, which is no product")));
    found
}

fn shown(offer: &Offer) -> String {
    let Offer {
        version,
        sku,
        amount,
        currency,
        status,
    } = offer;
    format!("version {version}, {sku} at {amount} {currency}, {status}")
}

/// Mails go where accounts say.
fn contacts(user: &Users, notification: &Notifications) -> Vec<String> {
    let differs = user
        .accounts
        .iter()
        .filter(|(id, account)| notification.contacts.get(*id) != Some(*account));
    // Names and addresses are not shown: what a checker prints ends in logs.
    differs
        .map(|(id, _)| format!("I11: the contact of {id} is not what the account says"))
        .collect()
}
