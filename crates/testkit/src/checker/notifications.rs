//! I7 and I10 for people: every event somebody wants to hear about is told to them once.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::files::{Files, Store};

/// What is told to the account it is about, and where its body names that account.
const WANTED: &[(&str, &str)] = &[
    ("user.registered.v1", "$.user_id"),
    ("order.placed.v1", "$.order.customer_id"),
    ("order.confirmed.v1", "$.order.customer_id"),
    ("order.rejected.v1", "$.order.customer_id"),
    ("order.cancelled.v1", "$.order.customer_id"),
    ("order.shipped.v1", "$.order.customer_id"),
    ("order.delivered.v1", "$.order.customer_id"),
];

pub(super) fn violations(files: &Files) -> Result<Vec<String>> {
    let Some(notification) = &files.notification else {
        return Ok(Vec::new());
    };
    let mut found = doubled(notification)?;
    let kept = kept(notification)?;
    let told = counts(
        notification,
        "SELECT event_id, user_id, count(*) FROM notifications GROUP BY 1, 2",
    )?;
    let sent = counts(
        notification,
        "SELECT event_id, user_id, count(*) FROM deliveries GROUP BY 1, 2",
    )?;
    for store in [&files.user, &files.order].into_iter().flatten() {
        for (event_type, path) in WANTED {
            for (id, account) in wanted(store, event_type, path)? {
                let key = (id, account);
                let (id, account) = &key;
                // What is parked is shown to administrators (I12), and neither lost nor told.
                if kept.contains(id) {
                    continue;
                }
                if !told.contains_key(&key) {
                    found.push(format!("I10: {account} was not told of {id} {event_type}"));
                }
                if !sent.contains_key(&key) {
                    found.push(format!(
                        "I10: no delivery of {id} {event_type} to {account}"
                    ));
                }
            }
        }
    }
    if let Some(product) = &files.product {
        for (id, _) in wanted(product, "stock.low.v1", "$.sku")? {
            let anybody = told.keys().any(|(event, _)| *event == id);
            if !anybody && !kept.contains(&id) {
                found.push(format!("I10: nobody was told of {id} stock.low.v1"));
            }
        }
    }
    Ok(found)
}

/// I7: one notification an event and account, one delivery an event, account and channel, and an account's stream counts
/// up without gaps.
fn doubled(notification: &Store) -> Result<Vec<String>> {
    let mut found = notification.texts(
        "SELECT 'I7: ' || user_id || ' was told ' || count(*) || ' times of ' || event_id FROM notifications
         GROUP BY event_id, user_id HAVING count(*) > 1",
    )?;
    found.extend(notification.texts(
        "SELECT 'I7: ' || count(*) || ' deliveries of ' || event_id || ' to ' || user_id || ' by ' || channel
         FROM deliveries GROUP BY event_id, user_id, channel HAVING count(*) > 1",
    )?);
    found.extend(notification.texts(
        "SELECT 'I7: the stream of ' || user_id || ' has ' || count(*) || ' notifications from ' || min(stream_seq) ||
           ' to ' || max(stream_seq)
         FROM notifications GROUP BY user_id HAVING count(*) <> max(stream_seq) - min(stream_seq) + 1",
    )?);
    Ok(found)
}

/// The messages that wait for a person.
fn kept(notification: &Store) -> Result<HashSet<String>> {
    let ids = notification.texts("SELECT id FROM deferred")?;
    Ok(ids.into_iter().collect())
}

fn wanted(store: &Store, event_type: &str, path: &str) -> Result<Vec<(String, String)>> {
    // What only answers a question of stock is no news.
    let sql = "SELECT id, body ->> ?2 FROM outbox WHERE type = ?1 AND coalesce(body ->> '$.repeated', 0) = 0";
    store.rows(sql, [event_type, path], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

fn counts(store: &Store, sql: &str) -> Result<HashMap<(String, String), i64>> {
    let rows = store.rows(sql, [], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.into_iter().collect())
}
