//! The messaging collections in a store on MongoDB.
//!
//! The functions here run inside a service's own command, in its transaction: that is what makes state and events one fact.

mod batch;
mod claim;
mod deferred;
mod documents;
mod outbox;
mod schema;

use async_trait::async_trait;
use contracts::{Event, Timestamp};
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::{Database, Transaction, idempotency};
use store_kit::StoreError;

use crate::handoff::Handoff;
use crate::message::Message;
use crate::upkeep::MessageStore;
use documents::OutboxRow;

pub use batch::{append_all_to_outbox, append_claimed, first_deliveries};
pub use schema::migrate;

const OUTBOX: &str = "outbox";
const INBOX: &str = "inbox";
const DEFERRED: &str = "deferred";

/// Documents a sweep removes in one go.
const SWEEP_BATCH: u32 = 1_000;
const DAY: std::time::Duration = std::time::Duration::from_hours(24);

/// Puts events into the outbox, all in one round trip.
pub async fn append_outbox(
    transaction: &mut Transaction,
    events: &[Event],
    traceparent: Option<&str>,
) -> Result<(), StoreError> {
    let rows = events
        .iter()
        .map(|event| Message::from_event(event, traceparent))
        .map(|message| message.map(|message| OutboxRow::new(message, 0)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(StoreError::broken)?;
    transaction.insert(OUTBOX, &rows).await
}

/// Puts a message into the inbox; `false` if it was there: its effect is committed, do nothing.
///
/// Two transactions at once with the same message meet here: one is carried out again and then finds what the other did.
pub async fn first_delivery(
    transaction: &mut Transaction,
    consumer: &str,
    message_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // Inserting would be refused for one that is there, and that would end the transaction.
    let inserted = transaction.upsert(
        INBOX,
        doc! { "_id": { "consumer": consumer, "message_id": message_id } },
        doc! { "$setOnInsert": { "received_at": now.unix_millis() } },
    );
    Ok(inserted.await?.upserted_id.is_some())
}

/// The messaging collections of one service, for the relay, the consumers and the upkeep. Any number of processes may
/// work on them.
#[derive(Clone, Debug)]
pub struct MongoMessages {
    db: Database,
    handoff: Handoff,
}

impl MongoMessages {
    /// The collections in this store.
    #[must_use]
    pub fn new(db: Database) -> Self {
        let handoff = Handoff::default();
        Self { db, handoff }
    }

    /// With what commands on this store hand their events over by.
    #[must_use]
    pub fn with(self, handoff: Handoff) -> Self {
        Self { handoff, ..self }
    }

    /// Removes the documents that a pipeline gives the ids of.
    async fn remove(&self, collection: &str, pipeline: Vec<Document>) -> Result<u64, StoreError> {
        let collection = self.db.collection::<Document>(collection);
        let removed = async {
            let found: Vec<Document> = collection.aggregate(pipeline).await?.try_collect().await?;
            let ids: Vec<Bson> = found
                .into_iter()
                .filter_map(|mut row| row.remove("_id"))
                .collect();
            if ids.is_empty() {
                return Ok(0);
            }
            let removed = collection.delete_many(doc! { "_id": { "$in": ids } });
            Ok(removed.await?.deleted_count)
        };
        self.db.run(removed).await
    }
}

#[async_trait]
impl MessageStore for MongoMessages {
    async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let batch = i64::from(SWEEP_BATCH);
        let day_ago = now.minus(DAY).unix_millis();
        let published = vec![
            doc! { "$match": { "published_at": { "$lt": day_ago } } },
            doc! { "$sort": { "published_at": 1 } },
            doc! { "$limit": batch },
            doc! { "$project": { "_id": 1 } },
        ];
        let month_ago = now.minus(DAY * 30).unix_millis();
        let received = vec![
            doc! { "$match": { "received_at": { "$lt": month_ago } } },
            doc! { "$sort": { "received_at": 1 } },
            doc! { "$lookup": {
                "from": DEFERRED, "localField": "_id.message_id", "foreignField": "message_id", "as": "waiting",
            } },
            doc! { "$match": { "waiting": [] } },
            doc! { "$limit": batch },
            doc! { "$project": { "_id": 1 } },
        ];
        let removed = self.remove(OUTBOX, published).await?
            + self.remove(INBOX, received).await?
            + idempotency::sweep(&self.db, now.minus(DAY * 2), SWEEP_BATCH).await?;
        Ok(usize::try_from(removed).unwrap_or(usize::MAX))
    }
}
