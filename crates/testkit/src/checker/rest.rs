//! Whether anything still moves. What moves for ever breaks I3 or I5.

use anyhow::Result;

use super::files::Files;

/// What moves, in words; empty at rest.
pub(super) fn unrest(files: &Files) -> Result<Vec<String>> {
    let mut moving = Vec::new();
    for store in files.services() {
        let outbox =
            store.texts("SELECT id || ' ' || type FROM outbox WHERE published_at IS NULL")?;
        moving.extend(
            outbox
                .iter()
                .map(|event| format!("{}: not published: {event}", store.name)),
        );
        let deferred = store.texts(
            "SELECT id || ' ' || type || ' of ' || queue || ': ' || reason FROM deferred WHERE next_at IS NOT NULL",
        )?;
        moving.extend(
            deferred
                .iter()
                .map(|event| format!("{}: deferred: {event}", store.name)),
        );
    }
    if let Some(broker) = &files.broker {
        let waiting = broker.rows(
            "SELECT queue, origin, id || ' ' || type FROM message",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let waiting: Vec<(String, String, String)> = waiting;
        // Queues of a service that was left out wait for it.
        let waiting = waiting
            .iter()
            .filter(|(_, origin, _)| files.reader_of(origin).is_some());
        moving.extend(waiting.map(|(queue, _, event)| format!("broker: in {queue}: {event}")));
    }
    if let Some(order) = &files.order {
        let transient = order.texts(
            "SELECT id || ' is ' || status FROM orders WHERE status IN ('pending', 'awaiting_payment', 'cancelling')",
        )?;
        moving.extend(transient.iter().map(|order| format!("I3: {order}")));
    }
    if let Some(notification) = &files.notification {
        let sending = notification.texts(
            "SELECT id || ' of ' || event_id || ' is ' || state || coalesce(': ' || last_error, '')
             FROM deliveries WHERE due_at IS NOT NULL",
        )?;
        moving.extend(sending.iter().map(|delivery| format!("I10: {delivery}")));
    }
    Ok(moving)
}
