//! Deferred and parked messages in a store on MongoDB.

use std::time::Duration;

use async_trait::async_trait;
use contracts::Timestamp;
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::Collection;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::Hint;
use store_kit::StoreError;

use super::claim::Claim;
use super::documents::{DeferredRow, MessageFields};
use super::{DEFERRED, MongoMessages};
use crate::deferred::{DeferredMessage, DeferredStats, DeferredStore, ParkedMessage};
use crate::message::Message;

/// How long the process that was given a due message has it to itself. One that dies loses it after that time; one that
/// takes longer shares it, and the inbox lets only one of them have an effect.
const LEASE: Duration = Duration::from_mins(1);

impl MongoMessages {
    fn rows<T: Send + Sync>(&self) -> Collection<T> {
        self.db.collection(DEFERRED)
    }

    async fn count(&self, filter: Document, index: &str) -> Result<u64, StoreError> {
        let index = Hint::Name(index.to_owned());
        let rows = self.rows::<Document>();
        self.db.run(rows.count_documents(filter).hint(index)).await
    }

    /// Changes one message; whether there was one that matched.
    async fn change(&self, filter: Document, update: Document) -> Result<bool, StoreError> {
        let rows = self.rows::<Document>();
        let changed = self.db.run(rows.update_one(filter, update)).await?;
        Ok(changed.matched_count == 1)
    }

    async fn forget(&self, filter: Document) -> Result<bool, StoreError> {
        let rows = self.rows::<Document>();
        let forgotten = self.db.run(rows.delete_one(filter)).await?;
        Ok(forgotten.deleted_count == 1)
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
        let id = doc! { "_id": fields.id.clone() };
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
            "$unset": { "next_at": "" },
        };
        self.keep(queue, message, doc! {}, parked).await
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<DeferredMessage>, StoreError> {
        let claim = Claim {
            collection: DEFERRED,
            free: doc! { "next_at": { "$lte": now.unix_millis() } },
            order: doc! { "next_at": 1, "_id": 1 },
            // Due again if nobody says what became of it.
            taken: doc! { "next_at": now.plus(LEASE).unix_millis() },
            limit,
        };
        let taken = claim.take(self.db.mongo(), |row: &DeferredRow| &row.message.id);
        let taken = self.db.run(taken).await?;
        Ok(taken.into_iter().map(DeferredRow::deferred).collect())
    }

    async fn resolve(&self, id: &str) -> Result<(), StoreError> {
        self.forget(doc! { "_id": id }).await.map(drop)
    }

    async fn reschedule(
        &self,
        id: &str,
        attempts: u32,
        reason: &str,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let later = doc! { "$set": {
            "attempts": i64::from(attempts), "reason": reason, "next_at": next_at.unix_millis(),
        } };
        let deferred = doc! { "_id": id, "next_at": { "$exists": true } };
        self.change(deferred, later).await.map(drop)
    }

    async fn parked(
        &self,
        after: Option<(Timestamp, String)>,
        limit: u32,
    ) -> Result<Vec<ParkedMessage>, StoreError> {
        let (at, id) = after.map_or((-1, String::new()), |(at, id)| (at.unix_millis(), id));
        let later = doc! {
            "parked_at": { "$gte": at },
            "$or": [{ "parked_at": { "$gt": at } }, { "_id": { "$gt": id } }],
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

    async fn parked_message(&self, id: &str) -> Result<Option<ParkedMessage>, StoreError> {
        let rows = self.rows::<DeferredRow>();
        let parked = doc! { "_id": id, "parked_at": { "$exists": true } };
        let row = self.db.run(rows.find_one(parked)).await?;
        Ok(row.map(DeferredRow::parked))
    }

    async fn replay(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let parked = doc! { "_id": id, "parked_at": { "$exists": true } };
        let due = doc! {
            "$set": { "next_at": now.unix_millis(), "attempts": 0_i64 },
            "$unset": { "parked_at": "" },
        };
        self.change(parked, due).await
    }

    async fn discard(&self, id: &str) -> Result<bool, StoreError> {
        self.forget(doc! { "_id": id, "parked_at": { "$exists": true } })
            .await
    }

    async fn deferred_stats(&self) -> Result<DeferredStats, StoreError> {
        let deferred = self.count(doc! { "next_at": { "$exists": true } }, "deferred_due");
        let parked = self.count(doc! { "parked_at": { "$exists": true } }, "deferred_parked");
        let (deferred, parked) = futures_util::try_join!(deferred, parked)?;
        Ok(DeferredStats { deferred, parked })
    }
}
