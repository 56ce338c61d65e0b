//! Deferred and parked messages in a store on MongoDB.

use async_trait::async_trait;
use contracts::Timestamp;
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::Collection;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::Hint;
use serde::Deserialize;
use store_kit::StoreError;

use super::claim::Claim;
use super::documents::{DeferredRow, MessageFields, key};
use super::{DEFERRED, MongoMessages};
use crate::deferred::{
    DeferredMessage, DeferredStats, DeferredStore, LEASE, ParkedMessage, ParkedPosition,
};
use crate::message::Message;

impl MongoMessages {
    fn rows<T: Send + Sync>(&self) -> Collection<T> {
        self.db.collection(DEFERRED)
    }

    async fn count(&self, filter: Document, index: &str) -> Result<u64, StoreError> {
        let index = Hint::Name(index.to_owned());
        let rows = self.rows::<Document>();
        self.db.run(rows.count_documents(filter).hint(index)).await
    }

    /// Takes what is due: suspects, or the others.
    async fn take_due(
        &self,
        now: Timestamp,
        limit: u32,
        suspects: bool,
    ) -> Result<Vec<DeferredMessage>, StoreError> {
        let some = doc! { "$gt": 0_i64 };
        let unended = if suspects {
            some
        } else {
            doc! { "$not": some }
        };
        let claim = Claim {
            collection: DEFERRED,
            free: doc! { "next_at": { "$lte": now.unix_millis() }, "unended": unended },
            order: doc! { "next_at": 1, "_id": 1 },
            // Due again, as a suspect, if nobody says what became of it.
            taken: doc! { "next_at": now.plus(LEASE).unix_millis() },
            counted: doc! { "attempts": 1_i64, "unended": 1_i64 },
            limit,
        };
        let taken = claim.take(self.db.mongo(), |row: &DeferredRow| &row.key);
        let taken = self.db.run(taken).await?;
        Ok(taken.into_iter().map(DeferredRow::taken).collect())
    }

    /// Tells how a try ended, unless the message was taken by another since.
    async fn ended(
        &self,
        tried: &DeferredMessage,
        set: Document,
        mut unset: Document,
    ) -> Result<(), StoreError> {
        let this_try = doc! {
            "_id": key(&tried.message.id, &tried.queue),
            "attempts": i64::from(tried.attempts),
            "unended": { "$gt": 0_i64 },
        };
        unset.insert("claim", "");
        let update = doc! { "$set": set, "$unset": unset };
        let rows = self.rows::<Document>();
        self.db
            .run(rows.update_one(this_try, update))
            .await
            .map(drop)
    }

    /// Keeps a message; what is there already is changed by `update` alone.
    async fn keep(
        &self,
        queue: &str,
        message: Message,
        mut on_insert: Document,
        mut update: Document,
    ) -> Result<(), StoreError> {
        let fields = MessageFields::from(message);
        let id = doc! { "_id": key(&fields.id, queue) };
        on_insert.insert("message_id", fields.id.clone());
        on_insert.extend(fields.on_insert());
        on_insert.insert("queue", queue);
        update.insert("$setOnInsert", on_insert);
        let rows = self.rows::<Document>();
        let kept = rows.update_one(id, update).upsert(true);
        self.db.run(kept).await.map(drop)
    }
}

#[async_trait]
impl DeferredStore for MongoMessages {
    async fn defer(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let new = doc! { "attempts": 1_i64, "reason": reason, "next_at": next_at.unix_millis() };
        self.keep(queue, message, new, doc! {}).await
    }

    async fn park(
        &self,
        queue: &str,
        message: Message,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // `$min` writes what is not there, and leaves the time of the first parking.
        let parked = doc! {
            "$inc": { "attempts": 1_i64 },
            "$min": { "parked_at": now.unix_millis() },
            "$set": { "reason": reason },
            "$unset": { "next_at": "", "unended": "" },
        };
        self.keep(queue, message, doc! {}, parked).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError> {
        self.take_due(now, limit, false).await
    }

    async fn suspect(&self, now: Timestamp) -> Result<Option<DeferredMessage>, StoreError> {
        Ok(self.take_due(now, 1, true).await?.pop())
    }

    async fn resolve(&self, tried: &DeferredMessage) -> Result<(), StoreError> {
        let id = doc! { "_id": key(&tried.message.id, &tried.queue) };
        let rows = self.rows::<Document>();
        self.db.run(rows.delete_one(id)).await.map(drop)
    }

    async fn reschedule(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let later = doc! { "reason": reason, "next_at": next_at.unix_millis(), "unended": 0_i64 };
        self.ended(tried, later, doc! {}).await
    }

    async fn give_back(
        &self,
        tried: &DeferredMessage,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        // As it was before this try.
        let later = doc! {
            "next_at": next_at.unix_millis(),
            "attempts": i64::from(tried.attempts) - 1,
            "unended": i64::from(tried.unended),
        };
        self.ended(tried, later, doc! {}).await
    }

    async fn give_up(
        &self,
        tried: &DeferredMessage,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let parked = doc! { "reason": reason, "parked_at": now.unix_millis() };
        self.ended(tried, parked, doc! { "next_at": "", "unended": "" })
            .await
    }

    async fn parked(
        &self,
        after: Option<ParkedPosition>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError> {
        let at = after
            .as_ref()
            .map_or(-1, |last| last.parked_at.unix_millis());
        let last = after.map_or_else(String::new, |last| key(&last.id, &last.queue));
        let later = doc! {
            "parked_at": { "$gte": at },
            "$or": [{ "parked_at": { "$gt": at } }, { "_id": { "$gt": last } }],
        };
        let rows = self.rows::<DeferredRow>();
        let page = async {
            let page = rows
                .find(later)
                .sort(doc! { "parked_at": 1, "_id": 1 })
                .hint(Hint::Name("deferred_parked".to_owned()))
                .limit(i64::from(limit));
            page.await?.try_collect::<Vec<_>>().await
        };
        let page = self.db.run(page).await?;
        Ok(page.into_iter().map(DeferredRow::parked).collect())
    }

    async fn parked_in(&self, id: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.rows::<Parked>();
        let queues = async {
            let queues = rows
                .find(doc! { "message_id": id, "parked_at": { "$exists": true } })
                .sort(doc! { "message_id": 1, "queue": 1 })
                .hint(Hint::Name("deferred_by_message".to_owned()))
                .projection(doc! { "queue": 1 });
            queues.await?.try_collect::<Vec<_>>().await
        };
        let queues = self.db.run(queues).await?;
        Ok(queues.into_iter().map(|parked| parked.queue).collect())
    }

    async fn parked_message(
        &self,
        queue: &str,
        id: &str,
    ) -> Result<Option<ParkedMessage>, StoreError> {
        let rows = self.rows::<DeferredRow>();
        let row = self.db.run(rows.find_one(parked(queue, id))).await?;
        Ok(row.map(DeferredRow::parked))
    }

    async fn replay(&self, queue: &str, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let due = doc! {
            "$set": { "next_at": now.unix_millis(), "attempts": 0_i64 },
            "$unset": { "parked_at": "" },
        };
        let rows = self.rows::<Document>();
        let replayed = rows.update_one(parked(queue, id), due);
        Ok(self.db.run(replayed).await?.matched_count > 0)
    }

    async fn discard(&self, queue: &str, id: &str) -> Result<bool, StoreError> {
        let rows = self.rows::<Document>();
        let discarded = rows.delete_one(parked(queue, id));
        Ok(self.db.run(discarded).await?.deleted_count > 0)
    }

    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError> {
        let deferred = self.count(doc! { "next_at": { "$exists": true } }, "deferred_due");
        let parked = self.count(doc! { "parked_at": { "$exists": true } }, "deferred_parked");
        let (deferred, parked) = futures_util::try_join!(deferred, parked)?;
        Ok(DeferredStats { deferred, parked })
    }
}

/// A message of a queue, if it is parked.
fn parked(queue: &str, id: &str) -> Document {
    doc! { "_id": key(id, queue), "parked_at": { "$exists": true } }
}

/// Where a message is parked.
#[derive(Deserialize)]
struct Parked {
    queue: String,
}
