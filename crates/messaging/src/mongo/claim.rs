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

/// What is looked for, in which order, and what the mark changes besides.
pub(super) struct Claim {
    pub(super) collection: &'static str,
    pub(super) free: Document,
    pub(super) order: Document,
    pub(super) taken: Document,
    pub(super) limit: u32,
}

#[derive(Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: String,
}

impl Claim {
    /// Takes what is free; `id` tells the documents apart.
    pub(super) async fn take<T>(self, db: &Database, id: fn(&T) -> &String) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send + Sync,
    {
        let collection: Collection<T> = db.collection(self.collection);
        let found = collection
            .find(self.free.clone())
            .sort(self.order)
            .limit(i64::from(self.limit));
        let mut found: Vec<T> = found.await?.try_collect().await?;
        if found.is_empty() {
            return Ok(found);
        }
        let ids: Vec<&String> = found.iter().map(id).collect();
        let claim = ObjectId::new();
        let mut taken = self.taken;
        taken.insert("claim", claim);
        let mut still_free = self.free;
        still_free.insert("_id", doc! { "$in": ids.clone() });
        let marked = collection
            .update_many(still_free, doc! { "$set": taken })
            .await?
            .modified_count;
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
