//! A queue bound to everything that services tell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use tokio::task::JoinSet;

use super::snapshot::{Snapshot, Tapped};

const EXCHANGE: &str = "shop.events";
const QUEUE: &str = "testkit.tap";
const AHEAD: u16 = 200;
/// A pod that is killed without a word closes no connection: the tap notices within two of these, in seconds.
const HEARTBEAT_S: u16 = 5;
/// How long one try to reach the broker may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Between two tries to reach the broker.
const PAUSE: Duration = Duration::from_millis(200);

/// Collects the ids of all events that pass the exchange from its start on, also over restarts of the broker: its queue is as
/// durable as those of services. Dropped, it ends.
pub struct Tap {
    seen: Arc<Mutex<Seen>>,
    _listening: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    by_id: BTreeMap<String, Tapped>,
    foreign: BTreeSet<String>,
}

impl Tap {
    /// Binds the queue, in the virtual host of the URL, and returns when nothing can be missed any more.
    pub async fn open(url: &str) -> Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        let line = Line::open(url).await?;
        let mut listening = JoinSet::new();
        listening.spawn(listen(url.to_owned(), line, Arc::clone(&seen)));
        Ok(Self {
            seen,
            _listening: listening,
        })
    }

    /// What passed, by message id.
    #[must_use]
    pub fn seen(&self) -> BTreeMap<String, Tapped> {
        let seen = lock(&self.seen);
        let ours = seen
            .by_id
            .iter()
            .filter(|(id, _)| !seen.foreign.contains(*id));
        ours.map(|(id, tapped)| (id.clone(), tapped.clone()))
            .collect()
    }

    /// These events were told before the tap was opened: a shop that was there already.
    pub fn told_before(&self, earlier: &Snapshot) {
        let mut seen = lock(&self.seen);
        let told = earlier
            .services()
            .flat_map(|(_, messages)| &messages.outbox);
        for (id, told) in told.filter(|(_, told)| told.published) {
            seen.by_id.entry(id.clone()).or_insert_with(|| Tapped {
                event_type: told.event_type.clone(),
                times: 1,
            });
        }
    }

    /// The test sent a message with this id itself: no service told it, and that is no ghost.
    pub fn foreign(&self, id: &str) {
        lock(&self.seen).foreign.insert(id.to_owned());
    }
}

struct Line {
    _connection: Connection,
    consumer: Consumer,
}

impl Line {
    async fn open(url: &str) -> Result<Self> {
        let mut uri: AMQPUri = url.parse().map_err(anyhow::Error::msg)?;
        uri.query.heartbeat = Some(HEARTBEAT_S);
        let connecting = Connection::connect_uri(uri, ConnectionProperties::default());
        let connection = tokio::time::timeout(DEADLINE, connecting)
            .await
            .context("RabbitMQ does not answer the tap in time")?
            .context("RabbitMQ does not answer the tap")?;
        let channel = connection.create_channel().await?;
        bind(&channel).await.context("cannot bind the tap")?;
        channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                QUEUE.into(),
                QUEUE.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            _connection: connection,
            consumer,
        })
    }
}

async fn bind(channel: &Channel) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(
            EXCHANGE.into(),
            ExchangeKind::Topic,
            durable,
            FieldTable::default(),
        )
        .await?;
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let mut quorum = FieldTable::default();
    quorum.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    channel.queue_declare(QUEUE.into(), durable, quorum).await?;
    channel
        .queue_bind(
            QUEUE.into(),
            EXCHANGE.into(),
            "#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    Ok(())
}

/// Until it is aborted.
async fn listen(url: String, mut line: Line, seen: Arc<Mutex<Seen>>) {
    loop {
        // Whatever ends it, the broker keeps what was not acknowledged.
        let _ = take(&mut line.consumer, &seen).await;
        line = loop {
            match Line::open(&url).await {
                Ok(line) => break line,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
    }
}

async fn take(consumer: &mut Consumer, seen: &Mutex<Seen>) -> Result<()> {
    while let Some(delivery) = consumer.try_next().await? {
        lock(seen).add(&delivery);
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

impl Seen {
    fn add(&mut self, delivery: &Delivery) {
        let id = delivery.properties.message_id().as_ref();
        let id = id.map_or_else(|| "(no id)".to_owned(), ToString::to_string);
        let tapped = self.by_id.entry(id).or_insert_with(|| Tapped {
            event_type: delivery.routing_key.to_string(),
            times: 0,
        });
        tapped.times += 1;
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
