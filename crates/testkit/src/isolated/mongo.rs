//! A MongoDB database of one's own.

use anyhow::Result;

use super::{at_the_end, named};
use crate::runner;

/// A database that has nothing yet: it comes to be with its first collection.
pub struct MongoDatabase {
    name: String,
    url: String,
}

/// Names a database that is not there yet. Nothing is asked: a server that does not answer shows when it is used.
pub fn mongo_database() -> Result<MongoDatabase> {
    let server = named::server(runner::MONGODB)?;
    let name = named::name();
    Ok(MongoDatabase {
        url: named::with_path(&server, &name),
        name,
    })
}

impl MongoDatabase {
    /// The replica set, with this as the default database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name, which no other has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for MongoDatabase {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        at_the_end::remove(&self.url, async move {
            let client = mongodb::Client::with_uri_str(&url).await?;
            client.database(&name).drop().await?;
            client.shutdown().await;
            Ok(())
        });
    }
}
