//! The queues of a virtual host of RabbitMQ.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use contracts::topology;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use tokio::sync::Mutex;

use crate::checker::snapshot::Queues;

/// The queues for dead letters belong to services.
const SERVICES: [&str; 3] = ["product", "order", "notification"];

/// A virtual host, with a connection that is kept between two looks.
pub(in crate::checker) struct Rabbit {
    url: String,
    connection: Mutex<Option<Connection>>,
}

impl Rabbit {
    pub(in crate::checker) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            connection: Mutex::default(),
        }
    }

    /// How many messages wait in each queue that is there. The server's own answer: its management API tells what was true
    /// up to five seconds ago.
    pub(in crate::checker) async fn queues(&self) -> Result<Queues> {
        let mut kept = self.connection.lock().await;
        let connection = match kept.take() {
            Some(connection) if connection.status().connected() => connection,
            _ => Connection::connect(&self.url, ConnectionProperties::default())
                .await
                .context("RabbitMQ does not answer")?,
        };
        let counts = counts(&connection).await?;
        *kept = Some(connection);
        Ok(Queues::Counted(counts))
    }
}

async fn counts(connection: &Connection) -> Result<BTreeMap<String, u32>> {
    let bound = topology::BINDINGS
        .iter()
        .map(|binding| binding.queue.to_owned());
    let dead = SERVICES
        .iter()
        .map(|service| format!("{service}.dead-letters"));
    let mut counts = BTreeMap::new();
    for queue in bound.chain(dead) {
        if let Some(count) = count(connection, &queue).await? {
            counts.insert(queue, count);
        }
    }
    Ok(counts)
}

/// None if the queue is not there.
async fn count(connection: &Connection, queue: &str) -> Result<Option<u32>> {
    // A question for a queue that is not there ends its channel.
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    match channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await
    {
        Ok(found) => {
            channel.close(200, "done".into()).await?;
            Ok(Some(found.message_count()))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at the queue {queue}")),
    }
}

fn is_missing(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(error) if error.get_id() == 404)
}
