//! The embedded broker: durable queues in one SQLite file, for the processes that are a whole shop by themselves.
//!
//! A message is a row per queue, made in one transaction for all queues of a batch. Which rows are handed out is known in
//! memory only, so after a crash everything unacknowledged is handed out again. How often a row was handed out is kept in
//! the file: a message that kills the process is moved to the dead letters at [`DELIVERY_LIMIT`].

mod queue;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use contracts::topology::Binding;
use rusqlite::{Connection, params};
use sqlite_store::{Database, Migration, OpenError, Schema, StoreError};

use self::queue::{EmbeddedSource, Queue};
use crate::broker::{Broker, BrokerError, Subscription, dead_letters_of};
use crate::message::Message;

static SCHEMA: Schema = Schema {
    service: "broker",
    migrations: &[Migration {
        version: 1,
        name: "queues, bindings and messages",
        sql: include_str!("embedded/schema.sql"),
        min_binary: 1,
    }],
};

/// Durable queues in one file. Share it by `Arc` between the services of a process.
#[derive(Debug)]
pub struct EmbeddedBroker {
    db: Database,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
}

impl EmbeddedBroker {
    /// Opens the file, or makes it.
    pub async fn open(path: &Path) -> Result<Arc<Self>, OpenError> {
        let db = Database::open(path, &SCHEMA).await?;
        Ok(Arc::new(Self {
            db,
            queues: Mutex::default(),
        }))
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Queue::new(name)));
        Arc::clone(queue)
    }
}

#[async_trait]
impl Broker for EmbeddedBroker {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    async fn declare(&self, bindings: &[Binding]) -> Result<(), BrokerError> {
        let bindings = bindings.to_vec();
        self.db
            .write(move |connection| {
                for binding in bindings {
                    let mut bind = connection.prepare_cached(
                        "INSERT INTO binding (type, queue) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?;
                    for event_type in binding.types {
                        bind.execute(params![event_type.as_str(), binding.queue])?;
                    }
                }
                Ok::<_, StoreError>(())
            })
            .await?;
        Ok(())
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<HashSet<String>, BrokerError> {
        let (delivered, queues) = self
            .db
            .write(move |connection| route(connection, &batch))
            .await?;
        for queue in queues {
            self.queue(&queue).wake();
        }
        Ok(delivered)
    }

    async fn subscribe(
        &self,
        queue: &'static str,
        prefetch: u16,
    ) -> Result<Subscription, BrokerError> {
        let dead_letters = self.queue(&dead_letters_of(queue));
        let source =
            EmbeddedSource::new(self.db.clone(), self.queue(queue), dead_letters, prefetch);
        Ok(Subscription::new(source))
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

/// Puts each message into every queue bound to its type; returns the ids that found one, and the queues.
fn route(
    connection: &Connection,
    batch: &[Message],
) -> Result<(HashSet<String>, HashSet<String>), StoreError> {
    let mut bound = connection.prepare_cached("SELECT queue FROM binding WHERE type = ?1")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO message (queue, origin, id, type, correlation_id, aggregate_version, occurred_at, producer,
           traceparent, body) VALUES (?1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    let (mut delivered, mut queues) = (HashSet::new(), HashSet::new());
    for message in batch {
        let targets: Vec<String> = bound
            .query_map([&message.event_type], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for queue in targets {
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
            delivered.insert(message.id.clone());
            queues.insert(queue);
        }
    }
    Ok((delivered, queues))
}
