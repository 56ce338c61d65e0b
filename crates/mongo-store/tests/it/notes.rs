//! A small store: notes, and counters that many want to change.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::error::Result;
use mongo_store::schema::{ensure_collection, ensure_indexes, unique_index};
use mongo_store::{Database, Migration, Schema, Transaction, Work, idempotency};
use service_kit::settings::StoreSettings;
use store_kit::{OpenError, StoreError};
use testkit::isolated::{self, MongoDatabase};

pub const NOTES: &str = "notes";

pub const fn step(version: u32, name: &'static str, work: Work, min_binary: u32) -> Migration {
    Migration {
        version,
        name,
        work,
        min_binary,
    }
}

pub fn notes(database: &mongo_store::mongodb::Database) -> BoxFuture<'_, Result<()>> {
    async move {
        let validator = doc! { "$jsonSchema": {
            "properties": { "count": { "bsonType": "long", "minimum": 0 } },
        } };
        ensure_collection(database, NOTES, validator).await?;
        let by_text = unique_index("notes_by_text", doc! { "text": 1 });
        ensure_indexes(database, NOTES, [by_text]).await
    }
    .boxed()
}

pub fn kept_replies(database: &mongo_store::mongodb::Database) -> BoxFuture<'_, Result<()>> {
    idempotency::migrate(database).boxed()
}

pub static SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[
        step(1, "notes", notes, 1),
        step(2, "kept replies", kept_replies, 1),
    ],
};

/// What a command of these tests says when it refuses.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there are enough notes")]
    Enough,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An empty database of its own, with the schema.
pub struct Notes {
    pub isolated: MongoDatabase,
    pub db: Database,
}

impl Notes {
    pub async fn open() -> Self {
        let isolated = isolated::mongo_database().unwrap();
        let db = migrated(&settings(isolated.url())).await;
        Self { isolated, db }
    }

    pub async fn texts(&self) -> Vec<String> {
        texts(&self.db).await
    }
}

pub async fn migrated(settings: &StoreSettings) -> Database {
    Database::migrate(settings, &SCHEMA).await.unwrap();
    Database::open(settings, &SCHEMA).await.unwrap()
}

pub fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        ..StoreSettings::default()
    }
}

/// What is committed, sorted.
pub async fn texts(db: &Database) -> Vec<String> {
    let found: Result<Vec<Document>> = async {
        let notes = db.collection::<Document>(NOTES);
        let mut cursor = notes.find(doc! {}).await?;
        let mut found = Vec::new();
        while cursor.advance().await? {
            found.push(cursor.deserialize_current()?);
        }
        Ok(found)
    }
    .await;
    let mut texts: Vec<String> = found
        .unwrap()
        .iter()
        .map(|note| note.get_str("text").unwrap().to_owned())
        .collect();
    texts.sort();
    texts
}

pub async fn write(tx: &mut Transaction, text: &str) -> std::result::Result<(), StoreError> {
    tx.insert(NOTES, &[doc! { "text": text }]).await
}

/// Writes a note; all or nothing, like every command.
pub async fn write_one(db: &Database, text: &str) -> std::result::Result<(), StoreError> {
    db.transact(text, |tx, text| write(tx, text).boxed()).await
}

/// The whole story of an error, with the database's name and the server left out.
pub fn story(error: &OpenError, url: &str) -> String {
    let place = url.split('?').next().unwrap();
    let mut story = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        story = format!("{story}: {source}");
        next = source.source();
    }
    story.replace(place, "PLACE")
}
