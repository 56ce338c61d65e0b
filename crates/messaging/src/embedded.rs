//! The embedded broker: durable queues in one SQLite file, for the processes that are a whole shop by themselves.
//!
//! A message is a row per queue, made in one transaction for all queues of a batch. Which rows are handed out is known in
//! memory only, so after a crash everything unacknowledged is handed out again. How often a row was handed out is kept in
//! the file: a message that kills the process is moved to the dead letters at the delivery limit.

mod queue;
mod rows;
mod source;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use contracts::topology::Binding;
use service_kit::error_chain;
use sqlite_store::{Database, Migration, OpenError, Schema, StoreError};

use self::queue::Queue;
use self::source::EmbeddedSource;
use crate::broker::{Broker, BrokerError, Confirms, Subscription, dead_letters_of};
use crate::message::Message;

static SCHEMA: Schema = Schema {
    service: "broker",
    migrations: &[
        Migration {
            version: 1,
            name: "queues, bindings and messages",
            work: include_str!("embedded/schema.sql"),
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "messages that their consumer gave up",
            work: "ALTER TABLE message ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0",
            min_binary: 1,
        },
    ],
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
        let mut queues = self.queues();
        let queue = queues
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Queue::new(name)));
        Arc::clone(queue)
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was in hand at an orderly end does not count as handed out.
    async fn uncount(&self) -> Result<(), StoreError> {
        let queues: Vec<_> = self.queues().values().cloned().collect();
        let mut read = Vec::with_capacity(queues.len());
        for queue in queues {
            queue.finish_reading().await;
            read.push((queue.name.clone(), queue.read_to()));
        }
        self.db
            .write(move |connection| {
                read.iter()
                    .try_for_each(|(queue, read_to)| rows::uncount(connection, queue, *read_to))
            })
            .await
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
            .write(move |connection| rows::bind(connection, &bindings))
            .await?;
        Ok(())
    }

    async fn publish(&self, batch: Vec<Message>) -> Result<Confirms, BrokerError> {
        let routed = self
            .db
            .write(move |connection| rows::route(connection, batch))
            .await?;
        for queue in &routed.queues {
            self.queue(queue).wake();
        }
        Ok(Confirms {
            reached: routed.ids,
            refused: HashSet::new(),
        })
    }

    async fn subscribe(&self, queue: &str, prefetch: u16) -> Result<Subscription, BrokerError> {
        let dead_letters = self.queue(&dead_letters_of(queue));
        let source =
            EmbeddedSource::new(self.db.clone(), self.queue(queue), dead_letters, prefetch);
        Ok(Subscription::new(source))
    }

    async fn close(&self) {
        match self.uncount().await {
            Ok(()) | Err(StoreError::Closed) => {}
            Err(error) => tracing::warn!(
                error = error_chain(&error),
                "messages in hand at the end count as handed out once more"
            ),
        }
        self.db.close().await;
    }
}
