//! Forgetting what is too old to matter.

use contracts::Timestamp;
use rusqlite::{Connection, params};

use crate::store::StoreFailure;

pub(super) const DELIVERIES: &str = "DELETE FROM deliveries WHERE sequence IN (SELECT sequence FROM deliveries \
     WHERE due_at IS NULL AND updated_at < ?1 ORDER BY updated_at LIMIT ?2)";

/// A notification stays while it is on its way: mails are written from it.
pub(super) const NOTIFICATIONS: &str = "DELETE FROM notifications WHERE position IN (SELECT position FROM notifications \
     WHERE created_at < ?1 AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.event_id = notifications.event_id \
     AND deliveries.user_id = notifications.user_id AND due_at IS NOT NULL) ORDER BY created_at LIMIT ?2)";

/// Removes a batch; keeps the writer free for others.
pub(super) fn sweep(
    conn: &Connection,
    deliveries_before: Timestamp,
    notifications_before: Timestamp,
    limit: u32,
) -> Result<usize, StoreFailure> {
    let deliveries = conn
        .prepare_cached(DELIVERIES)?
        .execute(params![deliveries_before.unix_millis(), limit])?;
    let notifications = conn
        .prepare_cached(NOTIFICATIONS)?
        .execute(params![notifications_before.unix_millis(), limit])?;
    Ok(deliveries + notifications)
}
