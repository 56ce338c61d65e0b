//! I5, I6 and I7 for messages: outboxes against inboxes.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use contracts::{EventType, topology};

use super::files::{Files, Store};

/// Younger than the oldest thing the upkeep sweeps away (published events, after a day).
const NOT_SWEPT: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER) - 82800000";

pub(super) fn violations(files: &Files) -> Result<Vec<String>> {
    let mut told = HashMap::new();
    for store in files.services() {
        for (id, event_type) in outbox(store)? {
            told.insert(id, event_type);
        }
    }
    let mut found = Vec::new();
    for binding in topology::BINDINGS {
        let Some(reader) = files.reader_of(binding.queue) else {
            continue;
        };
        let heard = heard(reader, binding.queue)?;
        found.extend(lost(&told, binding, &heard));
        // A service that was left out may have told what the others heard while it was there.
        if files.all_services() {
            found.extend(ghosts(&told, reader, binding)?);
        }
    }
    found.sort();
    Ok(found)
}

fn outbox(store: &Store) -> Result<Vec<(String, String)>> {
    store.rows("SELECT id, type FROM outbox", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// What the reader of a queue has done, or keeps for later or for a person.
fn heard(reader: &Store, queue: &str) -> Result<HashSet<String>> {
    let sql = "SELECT message_id FROM inbox WHERE consumer = ?1 UNION SELECT id FROM deferred WHERE queue = ?1";
    let ids = reader.rows(sql, [queue], |row| row.get(0))?;
    Ok(ids.into_iter().collect())
}

/// I5: every event that was told reached every queue bound to its type.
fn lost(
    told: &HashMap<String, String>,
    binding: &topology::Binding,
    heard: &HashSet<String>,
) -> Vec<String> {
    let bound = |event_type: &str| {
        let event_type = event_type.parse::<EventType>();
        event_type.is_ok_and(|event_type| binding.types.contains(&event_type))
    };
    let lost = told
        .iter()
        .filter(|(id, event_type)| bound(event_type) && !heard.contains(*id));
    lost.map(|(id, event_type)| {
        format!(
            "I5: {id} {event_type} was lost on its way to {}",
            binding.queue
        )
    })
    .collect()
}

/// I6: every message that was heard was told by somebody.
fn ghosts(
    told: &HashMap<String, String>,
    reader: &Store,
    binding: &topology::Binding,
) -> Result<Vec<String>> {
    let sql =
        format!("SELECT message_id FROM inbox WHERE consumer = ?1 AND received_at > {NOT_SWEPT}");
    let ids: Vec<String> = reader.rows(&sql, [binding.queue], |row| row.get(0))?;
    let ghosts = ids.iter().filter(|id| !told.contains_key(*id));
    Ok(ghosts
        .map(|id| format!("I6: {} heard {id}, which nobody told", binding.queue))
        .collect())
}
