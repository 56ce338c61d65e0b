//! Proof that what services ask for is found along an index.

use futures_util::stream::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use store_kit::StoreError;

use crate::database::Database;

impl Database {
    /// Makes the server write down how it carries out every operation on this database from now on, in `system.profile`.
    pub async fn watch_plans(&self) -> Result<(), StoreError> {
        let watch = self.mongo.run_command(doc! { "profile": 2 });
        self.run(watch).await.map(drop)
    }

    /// The operations since [`Self::watch_plans`] that looked at every document of a collection, each as
    /// "collection: command".
    pub async fn scans(&self) -> Result<Vec<String>, StoreError> {
        self.watched(doc! { "planSummary": { "$regex": "COLLSCAN" } })
            .await
    }

    /// The operations since [`Self::watch_plans`] that sorted what no index gave in order.
    pub async fn sorts(&self) -> Result<Vec<String>, StoreError> {
        self.watched(doc! { "hasSortStage": true }).await
    }

    async fn watched(&self, mut filter: Document) -> Result<Vec<String>, StoreError> {
        let others = doc! { "$regex": "\\.(system\\.|schema_migrations$)" };
        filter.insert("ns", doc! { "$not": others });
        let profile = self.collection::<Document>("system.profile");
        let found = async {
            let found = profile.find(filter).await?;
            found.try_collect::<Vec<Document>>().await
        };
        let found = self.run(found).await?.into_iter();
        Ok(found
            .map(|operation| {
                let collection = operation.get_str("ns").unwrap_or_default();
                let command = operation.get_document("command").cloned();
                format!("{collection}: {}", command.unwrap_or_default())
            })
            .collect())
    }
}
