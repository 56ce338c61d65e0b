//! The outbox in a store on MongoDB.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::Hint;
use serde::Deserialize;
use store_kit::StoreError;

use super::claim::Claim;
use super::documents::MessageFields;
use super::{MongoMessages, OUTBOX};
use crate::handoff::Handoff;
use crate::message::Message;
use crate::outbox::{OutboxStats, OutboxStore, Replayed};

#[derive(Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: String,
}

#[derive(Deserialize)]
struct Oldest {
    occurred_at: i64,
}

#[async_trait]
impl OutboxStore for MongoMessages {
    async fn claim(
        &self,
        limit: u32,
        lease: Duration,
        now: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let claim = Claim {
            collection: OUTBOX,
            free: doc! { "pending": true, "claimed_until": { "$lte": now.unix_millis() } },
            order: doc! { "seq": 1 },
            taken: doc! { "claimed_until": now.plus(lease).unix_millis() },
            counted: doc! {},
            limit,
        };
        let taken = claim.take(self.db.mongo(), |fields: &MessageFields| &fields.id);
        let taken = self.db.run(taken).await?;
        Ok(taken.into_iter().map(Into::into).collect())
    }

    async fn mark_published(&self, ids: Vec<String>, now: Timestamp) -> Result<(), StoreError> {
        let published = doc! {
            "$set": { "published_at": now.unix_millis() },
            "$unset": { "pending": "", "claim": "" },
        };
        let outbox = self.db.collection::<Document>(OUTBOX);
        let marked = outbox.update_many(doc! { "_id": { "$in": ids } }, published);
        self.db.run(marked).await.map(drop)
    }

    async fn release(&self, ids: Vec<String>, until: Timestamp) -> Result<(), StoreError> {
        let outbox = self.db.collection::<Document>(OUTBOX);
        let released = outbox.update_many(
            doc! { "_id": { "$in": ids } },
            doc! { "$set": { "claimed_until": until.unix_millis() } },
        );
        self.db.run(released).await.map(drop)
    }

    fn handoff(&self) -> Option<&Handoff> {
        Some(&self.handoff)
    }

    async fn outbox_stats(&self) -> Result<OutboxStats, StoreError> {
        let outbox = self.db.collection::<Oldest>(OUTBOX);
        let waiting = doc! { "pending": true };
        let by_seq = Hint::Name("outbox_pending".to_owned());
        let oldest = outbox
            .find_one(waiting.clone())
            .sort(doc! { "seq": 1 })
            .hint(by_seq.clone())
            .projection(doc! { "occurred_at": 1 });
        let Some(oldest) = self.db.run(oldest).await? else {
            return Ok(OutboxStats::default());
        };
        let pending = self
            .db
            .run(outbox.count_documents(waiting).hint(by_seq))
            .await?;
        // What was published between the two questions waits no more.
        Ok(OutboxStats {
            pending,
            oldest: (pending > 0).then(|| Timestamp::from_unix_millis(oldest.occurred_at)),
        })
    }

    async fn replay_some(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Replayed, StoreError> {
        let by_id = Hint::Keys(doc! { "_id": 1 });
        // The last of so many; the order is that of the index, so only ids are read.
        let ids = self.db.collection::<Id>(OUTBOX);
        let behind = ids
            .find(doc! { "_id": { "$gt": after } })
            .sort(doc! { "_id": 1 })
            .hint(by_id.clone())
            .projection(doc! { "_id": 1 })
            .limit(i64::from(limit));
        let behind = async { behind.await?.try_collect::<Vec<_>>().await };
        let Some(last) = self.db.run(behind).await?.pop() else {
            return Ok(Replayed {
                events: 0,
                last: None,
            });
        };
        let outbox = self.db.collection::<Document>(OUTBOX);
        let replayed = outbox.update_many(
            doc! {
                "_id": { "$gt": after, "$lte": &last.id },
                "published_at": { "$exists": true },
                "occurred_at": { "$gte": since.unix_millis() },
            },
            doc! {
                "$set": { "pending": true, "claimed_until": 0_i64 },
                "$unset": { "published_at": "" },
            },
        );
        let replayed = self.db.run(replayed.hint(by_id)).await?;
        Ok(Replayed {
            events: replayed.modified_count,
            last: Some(last.id),
        })
    }
}
