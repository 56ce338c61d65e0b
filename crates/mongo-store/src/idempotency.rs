//! The replies kept for `Idempotency-Key`, written in the same transaction as the effect.

use contracts::Timestamp;
use futures_util::stream::TryStreamExt as _;
use mongodb::bson::{Bson, Document, doc};
use serde::{Deserialize, Serialize};
use store_kit::{KeptReply, StoreError};

use crate::database::Database;
use crate::schema::{ensure_collection, ensure_indexes, index};
use crate::transaction::Transaction;

/// The collection's name.
pub const COLLECTION: &str = "idempotency";

#[derive(Serialize, Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: Document,
    fingerprint: String,
    status: i32,
    object_id: String,
    location: Option<String>,
    created_at: i64,
}

/// Makes the collection; part of a service's first migration.
pub async fn migrate(database: &mongodb::Database) -> mongodb::error::Result<()> {
    let validator = doc! { "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "fingerprint", "status", "object_id", "created_at"],
        "properties": {
            "_id": {
                "bsonType": "object",
                "required": ["caller", "key"],
                "properties": { "caller": { "bsonType": "string" }, "key": { "bsonType": "string" } },
            },
            "fingerprint": { "bsonType": "string" },
            "status": { "bsonType": "int", "minimum": 100, "maximum": 599 },
            "object_id": { "bsonType": "string" },
            "location": { "bsonType": ["string", "null"] },
            "created_at": { "bsonType": "long" },
        },
    } };
    ensure_collection(database, COLLECTION, validator).await?;
    let by_age = index("idempotency_by_age", doc! { "created_at": 1 });
    ensure_indexes(database, COLLECTION, [by_age]).await
}

/// What is stored for a caller's key.
///
/// Two transactions with the same new key both find nothing; the one that [`record`]s later meets the other and is carried
/// out again, and then finds what the first one did.
pub async fn find(
    transaction: &mut Transaction,
    caller: &str,
    key: &str,
) -> Result<Option<KeptReply>, StoreError> {
    let row: Option<Row> = transaction
        .find_one(COLLECTION, doc! { "_id": id(caller, key) }, None)
        .await?;
    row.map(kept).transpose()
}

/// The same outside a transaction: most repeated requests come when the first one is long done.
pub async fn find_committed(
    database: &Database,
    caller: &str,
    key: &str,
) -> Result<Option<KeptReply>, StoreError> {
    let rows = database.collection::<Row>(COLLECTION);
    let asked = rows.find_one(doc! { "_id": id(caller, key) });
    database.run(asked).await?.map(kept).transpose()
}

/// Stores the reply of the first request under a key.
pub async fn record(
    transaction: &mut Transaction,
    caller: &str,
    key: &str,
    reply: &KeptReply,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = Row {
        id: id(caller, key),
        fingerprint: reply.fingerprint.clone(),
        status: i32::from(reply.status),
        object_id: reply.object_id.clone(),
        location: reply.location.clone(),
        created_at: now.unix_millis(),
    };
    transaction.insert(COLLECTION, &[row]).await
}

/// Forgets at most `limit` replies older than `before`; returns how many.
pub async fn sweep(database: &Database, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let rows = database.collection::<Document>(COLLECTION);
    let swept = async {
        let old = rows
            .find(doc! { "created_at": { "$lt": before.unix_millis() } })
            .sort(doc! { "created_at": 1 })
            .limit(i64::from(limit))
            .projection(doc! { "_id": 1 })
            .await?;
        let old: Vec<Document> = old.try_collect().await?;
        let old: Vec<Bson> = old
            .into_iter()
            .filter_map(|mut row| row.remove("_id"))
            .collect();
        if old.is_empty() {
            return Ok(0);
        }
        let removed = rows.delete_many(doc! { "_id": { "$in": old } }).await?;
        Ok(removed.deleted_count)
    };
    database.run(swept).await
}

/// The order of the fields is part of the key's value.
fn id(caller: &str, key: &str) -> Document {
    doc! { "caller": caller, "key": key }
}

fn kept(row: Row) -> Result<KeptReply, StoreError> {
    Ok(KeptReply {
        fingerprint: row.fingerprint,
        status: u16::try_from(row.status).map_err(StoreError::broken)?,
        object_id: row.object_id,
        location: row.location,
    })
}
