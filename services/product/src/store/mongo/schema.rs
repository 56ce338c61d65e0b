//! The collections, what their documents must satisfy, and the indexes that queries run along.

use futures_util::future::BoxFuture;
use mongo_store::mongodb;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::schema::{ensure_collection, ensure_indexes, index, partial_index, unique_index};
use mongo_store::{Migration, Schema};

use super::{ADJUSTMENT, INVENTORY, PRODUCT, RESERVATION};
use crate::domain::product::Price;

/// All steps.
pub(super) static SCHEMA: Schema = Schema {
    service: "product",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: |db| Box::pin(messaging::mongo::migrate(db)),
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "catalog and stock",
            work: catalog_and_stock,
            min_binary: 1,
        },
    ],
};

fn catalog_and_stock(db: &mongodb::Database) -> BoxFuture<'_, mongodb::error::Result<()>> {
    Box::pin(async move {
        ensure_collection(db, PRODUCT, product()).await?;
        ensure_indexes(
            db,
            PRODUCT,
            [
                unique_index("product_sku", doc! { "sku": 1 }),
                unique_index("product_slug", doc! { "slug": 1 }),
                index(
                    "product_newest",
                    doc! { "status": 1, "in_stock": 1, "newest": -1 },
                ),
                index(
                    "product_cheapest",
                    doc! { "status": 1, "in_stock": 1, "cheapest": 1 },
                ),
                index(
                    "product_category_newest",
                    doc! { "status": 1, "category": 1, "in_stock": 1, "newest": -1 },
                ),
                index(
                    "product_category_cheapest",
                    doc! { "status": 1, "category": 1, "in_stock": 1, "cheapest": 1 },
                ),
                index(
                    "product_attribute_newest",
                    doc! { "found_by": 1, "status": 1, "in_stock": 1, "newest": -1 },
                ),
                index(
                    "product_attribute_cheapest",
                    doc! { "found_by": 1, "status": 1, "in_stock": 1, "cheapest": 1 },
                ),
                index("product_words", doc! { "words": 1, "status": 1 }),
            ],
        )
        .await?;
        ensure_collection(db, INVENTORY, inventory()).await?;
        ensure_collection(db, ADJUSTMENT, adjustment()).await?;
        let by_sku = index("adjustment_by_sku", doc! { "sku": 1, "_id": -1 });
        ensure_indexes(db, ADJUSTMENT, [by_sku]).await?;
        ensure_collection(db, RESERVATION, reservation()).await?;
        let to_ask = partial_index(
            "reservation_to_ask",
            doc! { "ask_at": 1 },
            doc! { "ask_at": { "$exists": true } },
        );
        ensure_indexes(db, RESERVATION, [to_ask]).await
    })
}

fn number(least: i64) -> Document {
    doc! { "bsonType": "long", "minimum": least }
}

fn text() -> Document {
    doc! { "bsonType": "string" }
}

fn texts() -> Document {
    doc! { "bsonType": "array", "items": text() }
}

/// An object of which all properties must be there.
fn object(properties: Document) -> Document {
    let required: Vec<String> = properties.keys().cloned().collect();
    doc! { "bsonType": "object", "required": required, "properties": properties }
}

fn product() -> Document {
    let amount = doc! { "bsonType": "long", "minimum": 0_i64, "maximum": Price::MAX };
    let time = doc! { "bsonType": "long" };
    doc! { "$jsonSchema": object(doc! {
        "_id": text(),
        "sku": text(),
        "slug": text(),
        "title": text(),
        "description": text(),
        "category": { "bsonType": ["string", "null"] },
        "price": object(doc! { "amount": amount.clone(), "currency": text() }),
        "status": { "enum": ["active", "archived"] },
        "attributes": text(),
        "version": number(1),
        "created_at": time.clone(),
        "updated_at": time.clone(),
        // Whether the inventory has available pieces: written with it, for lists.
        "in_stock": { "bsonType": "bool" },
        "newest": object(doc! { "at": time.clone(), "id": text() }),
        "cheapest": object(doc! { "amount": amount.clone(), "id": text() }),
        // The folded words, for search by the beginnings of words.
        "words": texts(),
        // The attributes as text, for filters.
        "found_by": texts(),
        // Prices that are no longer asked, for the grace period.
        "replaced": {
            "bsonType": "array",
            "items": object(doc! { "amount": amount, "currency": text(), "at": time }),
        },
    }) }
}

/// Invariant I1: the server refuses a document that breaks it, whoever writes.
fn inventory() -> Document {
    doc! {
        "$jsonSchema": object(doc! {
            "_id": text(),
            "received": number(0),
            "available": number(0),
            "reserved": number(0),
            "sold": number(0),
            "low_told": { "bsonType": "bool" },
            "version": number(1),
        }),
        "$expr": { "$eq": ["$received", { "$add": ["$available", "$reserved", "$sold"] }] },
    }
}

fn adjustment() -> Document {
    doc! { "$jsonSchema": object(doc! {
        "_id": text(),
        "sku": text(),
        "quantity": { "bsonType": "long", "not": { "enum": [0_i64] } },
        "reason": text(),
        "actor": { "bsonType": ["string", "null"] },
        "created_at": { "bsonType": "long" },
    }) }
}

fn reservation() -> Document {
    let line = object(doc! { "sku": text(), "quantity": number(1) });
    let mut reservation = object(doc! {
        "_id": text(),
        "state": { "enum": ["held", "committed", "rejected", "released", "tombstone"] },
        "version": number(1),
        "asked": number(0),
        "created_at": { "bsonType": "long" },
        "updated_at": { "bsonType": "long" },
        // What is held or sold for the order now; emptied when it is released.
        "lines": { "bsonType": "array", "items": line },
    });
    // When the order is asked about a hold; absent where it is not.
    if let Ok(properties) = reservation.get_document_mut("properties") {
        properties.insert("ask_at", doc! { "bsonType": "long" });
    }
    doc! { "$jsonSchema": reservation }
}
