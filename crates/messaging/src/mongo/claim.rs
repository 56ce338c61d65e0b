//! Taking documents so that nobody else takes them.
//!
//! There is no `SKIP LOCKED` here. So one looks, marks those that are still free, and keeps those that got the mark.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::oid::ObjectId;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::error::Result;
use mongo_store::mongodb::{Collection, Database};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What is looked for, in which order, what the mark changes besides, and by how much the mark raises fields that count.
pub(super) struct Claim {
    pub(super) collection: &'static str,
    pub(super) free: Document,
    pub(super) order: Document,
    pub(super) taken: Document,
    pub(super) counted: Document,
    pub(super) limit: u32,
}

#[derive(Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: String,
}

impl Claim {
    /// Takes what is free; `id` tells the documents apart. Who finds that somebody else was faster looks for more.
    pub(super) async fn take<T>(self, db: &Database, id: fn(&T) -> &String) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let collection: Collection<T> = db.collection(self.collection);
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        loop {
            let wanted = limit.saturating_sub(taken.len());
            let found = self.look(&collection, wanted).await?;
            let seen = found.len();
            let ours = self.mark(&collection, found, id).await?;
            let all_ours = ours.len() == seen;
            taken.extend(ours);
            let no_more_are_free = seen == 0 || (all_ours && seen < wanted);
            if no_more_are_free || taken.len() >= limit {
                return Ok(taken);
            }
        }
    }

    async fn look<T>(&self, collection: &Collection<T>, wanted: usize) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let found = collection
            .find(self.free.clone())
            .sort(self.order.clone())
            .limit(i64::try_from(wanted).unwrap_or(i64::MAX));
        found.await?.try_collect().await
    }

    /// Marks what is still free, and returns what got this mark.
    async fn mark<T>(
        &self,
        collection: &Collection<T>,
        mut found: Vec<T>,
        id: fn(&T) -> &String,
    ) -> Result<Vec<T>>
    where
        T: Send + Sync,
    {
        if found.is_empty() {
            return Ok(found);
        }
        let ids: Vec<&String> = found.iter().map(id).collect();
        let claim = ObjectId::new();
        let mut taken = self.taken.clone();
        taken.insert("claim", claim);
        let mut still_free = self.free.clone();
        still_free.insert("_id", doc! { "$in": ids.clone() });
        let mut update = doc! { "$set": taken };
        if !self.counted.is_empty() {
            update.insert("$inc", self.counted.clone());
        }
        let marked = collection.update_many(still_free, update);
        let marked = marked.await?.modified_count;
        if usize::try_from(marked) == Ok(found.len()) {
            return Ok(found);
        }
        let ours = doc! { "_id": { "$in": ids }, "claim": claim };
        let collection: Collection<Id> = collection.clone_with_type();
        let ours = collection.find(ours).projection(doc! { "_id": 1 });
        let ours: Vec<Id> = ours.await?.try_collect().await?;
        let ours: HashSet<String> = ours.into_iter().map(|ours| ours.id).collect();
        found.retain(|found| ours.contains(id(found)));
        Ok(found)
    }
}
