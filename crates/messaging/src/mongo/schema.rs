//! The messaging collections and their indexes.

use mongo_store::idempotency;
use mongo_store::mongodb::Database;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::error::Result;
use mongo_store::schema::{ensure_collection, ensure_indexes, index, partial_index};

use super::{DEFERRED, INBOX, OUTBOX};

/// Makes the collections, and the one of kept replies; part of a service's first migration.
pub async fn migrate(database: &Database) -> Result<()> {
    outbox(database).await?;
    inbox(database).await?;
    deferred(database).await?;
    idempotency::migrate(database).await
}

/// What every message has.
fn message_properties() -> Document {
    doc! {
        "_id": { "bsonType": "string" },
        "type": { "bsonType": "string" },
        "correlation_id": { "bsonType": "string" },
        "aggregate_version": { "bsonType": "long", "minimum": 0 },
        "occurred_at": { "bsonType": "long" },
        "producer": { "bsonType": "string" },
        "traceparent": { "bsonType": ["string", "null"] },
        "body": { "bsonType": "string" },
    }
}

/// The fields that every message has, and more.
fn required(more: &[&str]) -> Vec<String> {
    let message = [
        "_id",
        "type",
        "correlation_id",
        "aggregate_version",
        "occurred_at",
        "producer",
        "body",
    ];
    message
        .iter()
        .chain(more)
        .map(ToString::to_string)
        .collect()
}

fn validator(required: Vec<String>, properties: Document) -> Document {
    doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
}

/// `seq` is given by the server when it inserts: nearly the order of commits. `pending` is there until the event is
/// published.
async fn outbox(database: &Database) -> Result<()> {
    let mut properties = message_properties();
    properties.extend(doc! {
        "seq": { "bsonType": "timestamp" },
        "pending": { "enum": [true] },
        "claimed_until": { "bsonType": "long" },
        "claim": { "bsonType": "objectId" },
        "published_at": { "bsonType": "long" },
    });
    let checked = validator(required(&["seq", "claimed_until"]), properties);
    ensure_collection(database, OUTBOX, checked).await?;
    let waiting = partial_index(
        "outbox_pending",
        doc! { "seq": 1, "claimed_until": 1 },
        doc! { "pending": true },
    );
    let published = partial_index(
        "outbox_published",
        doc! { "published_at": 1 },
        doc! { "published_at": { "$exists": true } },
    );
    ensure_indexes(database, OUTBOX, [waiting, published]).await
}

async fn inbox(database: &Database) -> Result<()> {
    let id = doc! {
        "bsonType": "object",
        "required": ["consumer", "message_id"],
        "properties": {
            "consumer": { "bsonType": "string" },
            "message_id": { "bsonType": "string" },
        },
    };
    let required = vec!["_id".to_owned(), "received_at".to_owned()];
    let properties = doc! { "_id": id, "received_at": { "bsonType": "long" } };
    ensure_collection(database, INBOX, validator(required, properties)).await?;
    let by_age = index("inbox_by_age", doc! { "received_at": 1 });
    ensure_indexes(database, INBOX, [by_age]).await
}

/// `next_at` is there while a message is tried again, `parked_at` when it waits for a person. `unended` counts the tries in a
/// row that nobody has told the end of yet; what has such tries after its time was up is a suspect. The key is made of the
/// message and the queue.
async fn deferred(database: &Database) -> Result<()> {
    let mut properties = message_properties();
    properties.extend(doc! {
        "message_id": { "bsonType": "string" },
        "queue": { "bsonType": "string" },
        "unended": { "bsonType": "long", "minimum": 0 },
        "attempts": { "bsonType": "long", "minimum": 0 },
        "reason": { "bsonType": "string" },
        "next_at": { "bsonType": "long" },
        "parked_at": { "bsonType": "long" },
    });
    let mut checked = validator(
        required(&["message_id", "queue", "attempts", "reason"]),
        properties,
    );
    checked.extend(doc! { "$or": [
        { "next_at": { "$exists": true }, "parked_at": { "$exists": false } },
        { "next_at": { "$exists": false }, "parked_at": { "$exists": true } },
    ] });
    ensure_collection(database, DEFERRED, checked).await?;
    let due = partial_index(
        "deferred_due",
        doc! { "next_at": 1, "_id": 1 },
        doc! { "next_at": { "$exists": true } },
    );
    let parked = partial_index(
        "deferred_parked",
        doc! { "parked_at": 1, "_id": 1 },
        doc! { "parked_at": { "$exists": true } },
    );
    let by_message = index("deferred_by_message", doc! { "message_id": 1, "queue": 1 });
    ensure_indexes(database, DEFERRED, [due, parked, by_message]).await
}
