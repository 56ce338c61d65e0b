//! The broker's tables.

use std::collections::HashSet;

use contracts::Timestamp;
use contracts::topology::Binding;
use rusqlite::{Connection, Row, params};
use sqlite_store::StoreError;

use crate::broker::{DeadLetter, SUSPECT, is_of_dead_letters};
use crate::message::Message;

/// Rows read at a time: bounds the memory of a long queue.
const READ_BATCH: usize = 256;

/// A row of a queue that was read.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) seq: i64,
    /// The queue it was published to.
    pub(super) origin: String,
    /// How often it was handed out, this time included.
    pub(super) deliveries: u32,
    pub(super) message: Message,
    /// How it became a dead letter.
    pub(super) dead_letter: Option<DeadLetter>,
}

impl Stored {
    pub(super) fn is_suspect(&self) -> bool {
        self.deliveries >= SUSPECT && self.dead_letter.is_none()
    }
}

/// Makes the bindings that are not there.
pub(super) fn bind(connection: &Connection, bindings: &[Binding]) -> Result<(), StoreError> {
    let mut bind = connection.prepare_cached(
        "INSERT INTO binding (type, queue) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    for binding in bindings {
        for event_type in binding.types {
            bind.execute(params![event_type.as_str(), binding.queue])?;
        }
    }
    Ok(())
}

/// What a publish did.
#[derive(Debug, Default)]
pub(super) struct Routed {
    /// The ids that are in at least one queue.
    pub(super) ids: HashSet<String>,
    /// The queues that got something.
    pub(super) queues: HashSet<String>,
}

/// Puts each message into every queue bound to its type.
pub(super) fn route(connection: &Connection, batch: Vec<Message>) -> Result<Routed, StoreError> {
    let mut bound = connection.prepare_cached("SELECT queue FROM binding WHERE type = ?1")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (queue, origin, id, type, correlation_id, aggregate_version, occurred_at, producer,
           traceparent, body) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let mut routed = Routed::default();
    for message in batch {
        let queues: Vec<String> = bound
            .query_map([&message.event_type], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for queue in &queues {
            insert.execute(params![
                queue,
                message.id,
                message.event_type,
                message.correlation_id,
                message.aggregate_version,
                message.occurred_at.unix_millis(),
                message.producer,
                message.traceparent,
                message.body,
            ])?;
        }
        if !queues.is_empty() {
            routed.ids.insert(message.id);
            routed.queues.extend(queues);
        }
    }
    Ok(routed)
}

/// Rows that are handed out now.
#[derive(Debug, Default)]
pub(super) struct HandedOut {
    /// A batch, or one row under suspicion.
    pub(super) rows: Vec<Stored>,
    /// Whether there was nothing behind them.
    pub(super) to_the_end: bool,
}

/// Reads the rows of a queue behind `after` and counts that they are handed out.
pub(super) fn hand_out(
    connection: &Connection,
    queue: &str,
    after: i64,
) -> Result<HandedOut, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body,
           seq, origin, deliveries + 1, given_up
         FROM message INDEXED BY message_by_queue WHERE queue = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
    )?;
    let mut rows = Vec::new();
    let mut to_the_end = true;
    let dead_letters = is_of_dead_letters(queue);
    let read = |row: &Row<'_>| stored(row, dead_letters);
    for row in select.query_map(params![queue, after, READ_BATCH], read)? {
        let row = row?;
        if row.is_suspect() {
            to_the_end = false;
            if rows.is_empty() {
                rows.push(row);
            }
            break;
        }
        rows.push(row);
    }
    to_the_end &= rows.len() < READ_BATCH;
    if let Some(last) = rows.last() {
        connection
            .prepare_cached(
                "UPDATE message SET deliveries = deliveries + 1 WHERE queue = ?1 AND seq > ?2 AND seq <= ?3",
            )?
            .execute(params![queue, after, last.seq])?;
    }
    Ok(HandedOut { rows, to_the_end })
}

/// Takes back that the rows of a queue up to `read_to` were handed out: an orderly end is no message's fault.
pub(super) fn uncount(
    connection: &Connection,
    queue: &str,
    read_to: i64,
) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE message SET deliveries = deliveries - 1 WHERE queue = ?1 AND seq <= ?2 AND deliveries > 0",
        params![queue, read_to],
    )?;
    Ok(())
}

/// Removes a row; `false` if it was not there.
pub(super) fn remove(connection: &Connection, seq: i64) -> Result<bool, StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM message WHERE seq = ?1")?;
    Ok(delete.execute([seq])? == 1)
}

/// Moves a row to the dead letters, with a new number so that their reader sees it. Repeating it does nothing.
pub(super) fn bury(
    connection: &Connection,
    seq: i64,
    dead_letters: &str,
    why: DeadLetter,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO message (queue, origin, id, type, correlation_id, aggregate_version, occurred_at, producer,
               traceparent, body, given_up)
             SELECT ?2, origin, id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body, ?3
             FROM message WHERE seq = ?1",
        )?
        .execute(params![seq, dead_letters, why == DeadLetter::GivenUp])?;
    remove(connection, seq)?;
    Ok(())
}

fn stored(row: &Row<'_>, dead_letters: bool) -> rusqlite::Result<Stored> {
    let why = if row.get(11)? {
        DeadLetter::GivenUp
    } else {
        DeadLetter::DeliveryLimit
    };
    Ok(Stored {
        message: Message {
            id: row.get(0)?,
            event_type: row.get(1)?,
            correlation_id: row.get(2)?,
            aggregate_version: row.get(3)?,
            occurred_at: Timestamp::from_unix_millis(row.get(4)?),
            producer: row.get(5)?,
            traceparent: row.get(6)?,
            body: row.get(7)?,
        },
        seq: row.get(8)?,
        origin: row.get(9)?,
        deliveries: row.get(10)?,
        dead_letter: dead_letters.then_some(why),
    })
}
