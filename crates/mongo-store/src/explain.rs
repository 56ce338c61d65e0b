//! Proof that what services ask for is found along an index.

use futures_util::stream::TryStreamExt as _;
use mongodb::bson::{Document, doc};
use store_kit::StoreError;

use crate::database::Database;

impl Database {
    /// Makes the server write down how it carries out every operation on this database from now on, in `system.profile`.
    pub async fn watch_plans(&self) -> Result<(), StoreError> {
        let watch = self.database.run_command(doc! { "profile": 2 });
        self.run(watch).await.map(drop)
    }

    /// The operations since [`Self::watch_plans`] that looked at every document of a collection, each as
    /// "collection: command".
    pub async fn scans(&self) -> Result<Vec<String>, StoreError> {
        let profile = self.collection::<Document>("system.profile");
        let scans = async {
            let scans = profile.find(doc! {
                "planSummary": { "$regex": "COLLSCAN" },
                "ns": { "$not": { "$regex": "\\.(system\\.|schema_migrations$)" } },
            });
            scans.await?.try_collect::<Vec<Document>>().await
        };
        let scans = self.run(scans).await?.into_iter();
        Ok(scans
            .map(|scan| {
                let collection = scan.get_str("ns").unwrap_or_default();
                let command = scan.get_document("command").cloned().unwrap_or_default();
                format!("{collection}: {command}")
            })
            .collect())
    }
}
