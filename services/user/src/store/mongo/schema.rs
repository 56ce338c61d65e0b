//! The collections, what their documents must look like, and their indexes.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use mongo_store::mongodb::Database;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::error::Result;
use mongo_store::schema::{ensure_collection, ensure_indexes, index, partial_index, unique_index};
use mongo_store::{Migration, Schema};

pub(super) const ACCOUNT: &str = "account";
pub(super) const SESSION: &str = "session";
pub(super) const TOKEN: &str = "refresh_token";
pub(super) const ADDRESS: &str = "address";
/// Documents that commands write only to meet each other.
pub(super) const GATE: &str = "gate";

pub(super) static SCHEMA: Schema = Schema {
    service: "user",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: messaging,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "accounts, sessions and address books",
            work: accounts_and_what_is_theirs,
            min_binary: 2,
        },
    ],
};

fn messaging(database: &Database) -> BoxFuture<'_, Result<()>> {
    messaging::mongo::migrate(database).boxed()
}

fn accounts_and_what_is_theirs(database: &Database) -> BoxFuture<'_, Result<()>> {
    async move {
        accounts(database).await?;
        sessions(database).await?;
        tokens(database).await?;
        addresses(database).await?;
        let gate = object(&["changes"], doc! { "_id": text(), "changes": count(0) });
        ensure_collection(database, GATE, gate).await
    }
    .boxed()
}

/// `sequence`, which the server gives, is the place in the list of all accounts. `roles` is what an account may do besides
/// buying. `sign_ins`, `addresses_added` and `attempts` are counted so that commands on one account meet, and so that an
/// attempt to register a known address costs the commit that a new one costs.
async fn accounts(database: &Database) -> Result<()> {
    let roles = doc! { "bsonType": "array", "items": { "enum": ["support", "catalog", "admin"] }, "uniqueItems": true };
    let properties = doc! {
        "_id": text(),
        "sequence": { "bsonType": "timestamp" },
        "email": text(),
        "email_verified": { "bsonType": "bool" },
        "name": { "bsonType": "string", "minLength": 1, "maxLength": 100 },
        "roles": roles,
        "password_hash": text(),
        "version": count(1),
        "attempts": count(0),
        "sign_ins": count(0),
        "addresses_added": count(0),
        "created_at": time(),
        "updated_at": time(),
    };
    ensure_collection(database, ACCOUNT, whole(properties)).await?;
    let indexes = [
        unique_index("account_by_email", doc! { "email": 1 }),
        index("account_by_sequence", doc! { "sequence": 1 }),
        partial_index(
            "account_administrators",
            doc! { "roles": 1 },
            doc! { "roles": "admin" },
        ),
    ];
    ensure_indexes(database, ACCOUNT, indexes).await
}

/// Sign-ins. One that was ended stays until its tokens need not be recognised any more. `live` is there until it is ended,
/// `over_at` is when it ended or ends.
///
/// `active` is the one token that the client should use next; `repeatable` was used once and gave `active`, which is unused:
/// the reply may have been lost, so it works once more. All other tokens of the session are used up, or were replaced
/// without having been used: whoever shows one ends the session.
async fn sessions(database: &Database) -> Result<()> {
    let properties = doc! {
        "_id": text(),
        "account_id": text(),
        "client": { "bsonType": ["string", "null"] },
        "created_at": time(),
        "last_used_at": time(),
        "ends_at": time(),
        "over_at": time(),
        "live": { "enum": [true] },
        "ended_at": time(),
        "end_reason": { "enum": ["signed_out", "reused", "password_changed", "too_many"] },
        "active": { "bsonType": "binData" },
        "repeatable": { "bsonType": ["binData", "null"] },
    };
    let required = [
        "account_id",
        "created_at",
        "last_used_at",
        "ends_at",
        "over_at",
        "active",
    ];
    let mut checked = object(&required, properties);
    checked.extend(doc! { "$or": [
        { "live": true, "ended_at": { "$exists": false }, "end_reason": { "$exists": false } },
        { "live": { "$exists": false }, "ended_at": { "$exists": true }, "end_reason": { "$exists": true } },
    ] });
    ensure_collection(database, SESSION, checked).await?;
    let indexes = [
        partial_index(
            "session_by_account",
            doc! { "account_id": 1, "created_at": -1, "_id": -1 },
            doc! { "live": true },
        ),
        index("session_by_end", doc! { "over_at": 1 }),
    ];
    ensure_indexes(database, SESSION, indexes).await
}

/// Refresh tokens, by their SHA-256. Their documents never change.
async fn tokens(database: &Database) -> Result<()> {
    let properties = doc! {
        "_id": { "bsonType": "binData" },
        "session_id": text(),
        "ends_at": time(),
    };
    ensure_collection(database, TOKEN, whole(properties)).await?;
    let by_session = index("refresh_token_by_session", doc! { "session_id": 1 });
    ensure_indexes(database, TOKEN, [by_session]).await
}

async fn addresses(database: &Database) -> Result<()> {
    let line = doc! { "bsonType": "string", "minLength": 1, "maxLength": 200 };
    let lines = doc! {
        "name": line.clone(),
        "line1": line.clone(),
        "line2": line.clone(),
        "postal_code": line.clone(),
        "city": line.clone(),
        "region": line,
        "country": { "bsonType": "string", "minLength": 2, "maxLength": 2 },
    };
    let needed = ["name", "line1", "postal_code", "city", "country"];
    let address = jsonschema(&needed, lines);
    let properties = doc! {
        "_id": text(),
        "account_id": text(),
        "address": address,
        "version": count(1),
        "created_at": time(),
        "updated_at": time(),
    };
    ensure_collection(database, ADDRESS, whole(properties)).await?;
    let by_account = index(
        "address_by_account",
        doc! { "account_id": 1, "created_at": 1, "_id": 1 },
    );
    ensure_indexes(database, ADDRESS, [by_account]).await
}

/// A document that has all of these.
fn whole(properties: Document) -> Document {
    let names: Vec<String> = properties.keys().cloned().collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    object(&names, properties)
}

/// What a document must have, and nothing that is not named.
fn object(required: &[&str], properties: Document) -> Document {
    doc! { "$jsonSchema": jsonschema(required, properties) }
}

fn jsonschema(required: &[&str], properties: Document) -> Document {
    doc! {
        "bsonType": "object",
        "required": required.to_vec(),
        "additionalProperties": false,
        "properties": properties,
    }
}

fn text() -> Bson {
    doc! { "bsonType": "string" }.into()
}

fn time() -> Bson {
    doc! { "bsonType": "long" }.into()
}

fn count(least: i64) -> Bson {
    doc! { "bsonType": "long", "minimum": least }.into()
}
