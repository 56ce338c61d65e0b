//! I5, I6 and I7 for messages: outboxes against inboxes and against the tap.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{EventType, topology};

use crate::checker::snapshot::{Messages, Snapshot, Tapped, Told};

/// Younger than the oldest thing the upkeep sweeps away (published events, after a day).
const NOT_SWEPT: i64 = 82_800_000;

pub(in crate::checker) fn violations(snapshot: &Snapshot) -> Vec<String> {
    let outboxes = snapshot
        .services()
        .flat_map(|(_, messages)| &messages.outbox);
    let told: BTreeMap<&str, &Told> = outboxes.map(|(id, told)| (id.as_str(), told)).collect();
    let mut found = Vec::new();
    for binding in topology::BINDINGS {
        let Some(reader) = snapshot.reader_of(binding.queue) else {
            continue;
        };
        found.extend(lost(&told, binding, &heard(reader, binding.queue)));
        // A service that was left out may have told what the others heard while it was there.
        if snapshot.all_services() {
            found.extend(ghosts(&told, reader, binding, snapshot.taken_at));
        }
    }
    if let Some(tap) = &snapshot.tap {
        found.extend(tapped(&told, tap));
    }
    found.sort();
    found
}

/// What the reader of a queue has done, or keeps for later or for a person.
fn heard<'m>(reader: &'m Messages, queue: &str) -> BTreeSet<&'m str> {
    let heard = reader.inbox.keys().chain(reader.kept.keys());
    let heard = heard.filter(|(consumer, _)| consumer == queue);
    heard.map(|(_, id)| id.as_str()).collect()
}

/// I5: every event that was told reached every queue bound to its type.
fn lost(
    told: &BTreeMap<&str, &Told>,
    binding: &topology::Binding,
    heard: &BTreeSet<&str>,
) -> Vec<String> {
    let bound = |told: &Told| {
        let event_type = told.event_type.parse::<EventType>();
        event_type.is_ok_and(|event_type| binding.types.contains(&event_type))
    };
    let lost = told
        .iter()
        .filter(|(id, told)| bound(told) && !heard.contains(*id));
    lost.map(|(id, told)| {
        format!(
            "I5: {id} {} was lost on its way to {}",
            told.event_type, binding.queue
        )
    })
    .collect()
}

/// I6: every message that was heard was told by somebody.
fn ghosts(
    told: &BTreeMap<&str, &Told>,
    reader: &Messages,
    binding: &topology::Binding,
    now: i64,
) -> Vec<String> {
    let heard = reader.inbox.iter().filter(|((consumer, _), received_at)| {
        consumer == binding.queue && **received_at > now - NOT_SWEPT
    });
    let ghosts = heard.filter(|((_, id), _)| !told.contains_key(id.as_str()));
    ghosts
        .map(|((queue, id), _)| format!("I6: {queue} heard {id}, which nobody told"))
        .collect()
}

/// I5 and I6 at the exchange: every event that was told passed it, and nothing else did.
fn tapped(told: &BTreeMap<&str, &Told>, tap: &BTreeMap<String, Tapped>) -> Vec<String> {
    let missing = told
        .iter()
        .filter(|(id, told)| told.published && !tap.contains_key(**id));
    let missing =
        missing.map(|(id, told)| format!("I5: {id} {} never passed the exchange", told.event_type));
    let ghosts = tap.iter().filter(|(id, _)| !told.contains_key(id.as_str()));
    let ghosts = ghosts.map(|(id, tapped)| {
        format!(
            "I6: {id} {} passed the exchange, and nobody told it",
            tapped.event_type
        )
    });
    missing.chain(ghosts).collect()
}
