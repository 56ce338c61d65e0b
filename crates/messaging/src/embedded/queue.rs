//! One queue of the embedded broker, and those who take from it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use contracts::Timestamp;
use rusqlite::{Connection, Row, params};
use sqlite_store::{Database, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::broker::{BrokerError, DELIVERY_LIMIT, Delivery, Receipt, Source};
use crate::message::Message;

/// Rows read at a time: bounds the memory of a long queue.
const BATCH: u32 = 256;

/// What is known of a queue in memory.
#[derive(Debug)]
pub(super) struct Queue {
    name: String,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The last row that was read from the file.
    read_to: i64,
    /// Rows that were read and are not handed out.
    ready: VecDeque<Stored>,
    /// How many may have come since the file was read last.
    unread: bool,
}

#[derive(Clone, Debug)]
struct Stored {
    seq: i64,
    origin: String,
    deliveries: u32,
    message: Message,
}

impl Queue {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            state: Mutex::new(State {
                unread: true,
                ..State::default()
            }),
            changed: Notify::new(),
        }
    }

    /// Says that rows were added to the file.
    pub(super) fn wake(&self) {
        self.state().unread = true;
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, stored: Stored) {
        self.state().ready.push_front(stored);
        self.changed.notify_waiters();
    }

    /// A row to hand out; else whether the file may hold more.
    fn take(&self) -> Result<Stored, bool> {
        let mut state = self.state();
        let unread = state.unread;
        state.ready.pop_front().ok_or(unread)
    }
}

/// Takes from a queue.
pub(super) struct EmbeddedSource {
    db: Database,
    queue: Arc<Queue>,
    dead_letters: Arc<Queue>,
    places: Arc<Semaphore>,
}

impl EmbeddedSource {
    pub(super) fn new(
        db: Database,
        queue: Arc<Queue>,
        dead_letters: Arc<Queue>,
        prefetch: u16,
    ) -> Self {
        Self {
            db,
            queue,
            dead_letters,
            places: Arc::new(Semaphore::new(usize::from(prefetch.max(1)))),
        }
    }

    /// Reads the next rows from the file into the queue's memory. What was read is there for everybody, so cancelling
    /// this loses nothing.
    async fn read(&self) -> Result<(), StoreError> {
        let (queue, dead_letters) = (Arc::clone(&self.queue), Arc::clone(&self.dead_letters));
        self.db
            .write(move |connection| read(connection, &queue, &dead_letters))
            .await
    }
}

#[async_trait]
impl Source for EmbeddedSource {
    async fn next(&mut self) -> Result<Delivery, BrokerError> {
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| BrokerError::Closed)?;
        loop {
            let queue = Arc::clone(&self.queue);
            // Registered before looking: what comes between the look and the wait wakes it.
            let changed = queue.changed.notified();
            match queue.take() {
                Ok(stored) => {
                    let (message, origin) = (stored.message.clone(), stored.origin.clone());
                    let attempt = stored.deliveries;
                    let receipt = EmbeddedReceipt {
                        db: self.db.clone(),
                        queue: Arc::clone(&queue),
                        stored: Some(stored),
                        _place: place,
                    };
                    return Ok(Delivery::new(message, origin, attempt, receipt));
                }
                Err(true) => self.read().await?,
                Err(false) => changed.await,
            }
        }
    }
}

/// Settles one row. Dropped without an acknowledgement it gives the row back.
struct EmbeddedReceipt {
    db: Database,
    queue: Arc<Queue>,
    stored: Option<Stored>,
    _place: OwnedSemaphorePermit,
}

#[async_trait]
impl Receipt for EmbeddedReceipt {
    async fn ack(mut self: Box<Self>) -> Result<bool, BrokerError> {
        let Some(seq) = self.stored.as_ref().map(|stored| stored.seq) else {
            return Ok(false);
        };
        let removed = self
            .db
            .write(move |connection| {
                let mut delete = connection.prepare_cached("DELETE FROM message WHERE seq = ?1")?;
                Ok::<_, StoreError>(delete.execute([seq])? == 1)
            })
            .await?;
        self.stored = None;
        Ok(removed)
    }
}

impl Drop for EmbeddedReceipt {
    fn drop(&mut self) {
        if let Some(stored) = self.stored.take() {
            self.queue.give_back(stored);
        }
    }
}

fn read(connection: &Connection, queue: &Queue, dead_letters: &Queue) -> Result<(), StoreError> {
    let mut state = queue.state();
    // Cleared before reading: what is published later sets it again.
    state.unread = false;
    let rows: Vec<Stored> = connection
        .prepare_cached(
            "SELECT id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body,
               seq, origin, deliveries
             FROM message WHERE queue = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?
        .query_map(params![queue.name, state.read_to, BATCH], stored)?
        .collect::<Result<_, _>>()?;
    let Some(last) = rows.last().map(|row| row.seq) else {
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE message SET deliveries = deliveries + 1 WHERE queue = ?1 AND seq > ?2 AND seq <= ?3")?
        .execute(params![queue.name, state.read_to, last])?;
    state.read_to = last;
    state.unread = true;
    for mut row in rows {
        if row.deliveries < DELIVERY_LIMIT || queue.name == dead_letters.name {
            row.deliveries += 1;
            state.ready.push_back(row);
        } else {
            bury(connection, &row, &dead_letters.name)?;
            dead_letters.wake();
        }
    }
    Ok(())
}

/// Moves a row to the dead letters, with a new number so that their reader sees it.
fn bury(connection: &Connection, row: &Stored, dead_letters: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO message (queue, origin, id, type, correlation_id, aggregate_version, occurred_at, producer,
               traceparent, body, deliveries)
             SELECT ?2, origin, id, type, correlation_id, aggregate_version, occurred_at, producer, traceparent, body,
               deliveries
             FROM message WHERE seq = ?1",
        )?
        .execute(params![row.seq, dead_letters])?;
    connection
        .prepare_cached("DELETE FROM message WHERE seq = ?1")?
        .execute([row.seq])?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
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
    })
}
