//! Whether anything still moves. What moves for ever breaks I3 or I5.

use crate::checker::snapshot::{Messages, Queues, Snapshot};

/// What moves, in words; empty at rest.
pub(in crate::checker) fn unrest(snapshot: &Snapshot) -> Vec<String> {
    let services = snapshot.services();
    let mut moving: Vec<String> = services
        .flat_map(|(service, messages)| on_their_way(service, messages))
        .collect();
    if let Some(queues) = &snapshot.broker {
        moving.extend(waiting(snapshot, queues));
    }
    if let Some(order) = &snapshot.order {
        let transient = order.orders.iter().filter(|(_, order)| {
            matches!(
                order.status.as_str(),
                "pending" | "awaiting_payment" | "cancelling"
            )
        });
        moving.extend(transient.map(|(id, order)| format!("I3: {id} is {}", order.status)));
    }
    if let Some(notification) = &snapshot.notification {
        let sending = notification
            .deliveries
            .iter()
            .filter(|(_, delivery)| delivery.due);
        moving.extend(sending.map(|(id, delivery)| {
            let error = delivery
                .last_error
                .as_ref()
                .map(|error| format!(": {error}"));
            let error = error.unwrap_or_default();
            format!(
                "I10: {id} of {} is {}{error}",
                delivery.event_id, delivery.state
            )
        }));
    }
    moving
}

fn on_their_way(service: &str, messages: &Messages) -> Vec<String> {
    let outbox = messages.outbox.iter().filter(|(_, told)| !told.published);
    let outbox =
        outbox.map(|(id, told)| format!("{service}: not published: {id} {}", told.event_type));
    let deferred = messages.kept.iter().filter(|(_, kept)| !kept.parked);
    let deferred =
        deferred.map(|(message, kept)| format!("{service}: deferred: {}", kept.named(message)));
    outbox.chain(deferred).collect()
}

/// Queues of a service that was left out wait for it.
fn waiting(snapshot: &Snapshot, queues: &Queues) -> Vec<String> {
    match queues {
        Queues::Open(messages) => {
            let waiting = messages
                .iter()
                .filter(|waiting| snapshot.reader_of(&waiting.origin).is_some());
            waiting
                .map(|waiting| format!("broker: in {}: {}", waiting.queue, waiting.message))
                .collect()
        }
        Queues::Counted(counts) => {
            let waiting = counts
                .iter()
                .filter(|(queue, count)| **count > 0 && snapshot.reader_of(queue).is_some());
            waiting
                .map(|(queue, count)| format!("broker: in {queue}: {count} messages"))
                .collect()
        }
    }
}
