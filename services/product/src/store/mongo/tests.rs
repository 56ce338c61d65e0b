//! What only this store promises: the pages that people look at are read along an index, in its order.

use std::collections::{BTreeMap, BTreeSet};

use contracts::events::product::ProductStatus;
use contracts::{Clock as _, ManualClock, Timestamp};
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use testkit::isolated::{self, MongoDatabase};

use super::*;
use crate::domain::tokens::tokens;
use crate::store::Sort;

const PRODUCTS: usize = 300;

/// A catalog: of equal plans the server takes any, so there must be something to choose by.
async fn catalog() -> (MongoDatabase, Database) {
    let database = isolated::mongo_database().unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    MongoStore::migrate(&settings).await.unwrap();
    let rules = crate::StockSettings::default().rules();
    let store = MongoStore::open(&settings, rules).await.unwrap();
    let db = store.database().clone();
    let clock = ManualClock::at(Timestamp::from_unix_millis(1_000));
    let products: Vec<Document> = (0..PRODUCTS)
        .map(|n| {
            clock.advance(std::time::Duration::from_millis(1));
            let new = serde_json::json!({
                "sku": format!("S{n}"), "title": format!("Stone mug {n}"), "category": (["Kitchen", "Garden"][n % 2]),
                "price": {"amount": 5 + n / 50, "currency": "EUR"}, "attributes": {"colour": (["blue", "red", "green"][n % 3])},
            });
            let new = serde_json::from_value(new).unwrap();
            let (id, now) = (ProductId::at(clock.now()), clock.now());
            let context = Context { now, traceparent: None };
            let product = catalog::product(&new, id, format!("mug-{n}"), &context).unwrap();
            rows::new_document(&product, n % 10 > 0)
        })
        .collect();
    let collection = db.collection::<Document>(PRODUCT);
    collection.insert_many(products).await.unwrap();
    (database, db)
}

/// The stages of a plan, from its end to its indexes.
async fn plan(db: &Database, filter: &Filter, after: Option<Position>) -> Vec<String> {
    let find = doc! {
        "find": PRODUCT,
        "filter": listing::matching(filter, after),
        "sort": listing::order(filter.sort),
        "limit": 21,
        "projection": rows::shown(),
    };
    winning_plan(db, find).await
}

/// The plan the server takes; those it rejects are left out.
async fn winning_plan(db: &Database, command: Document) -> Vec<String> {
    let explain = doc! { "explain": command, "verbosity": "queryPlanner" };
    let said = db.mongo().run_command(explain).await.unwrap();
    let mut stages = Vec::new();
    collect(&Bson::from(said), &mut stages);
    stages
}

fn collect(plan: &Bson, stages: &mut Vec<String>) {
    match plan {
        Bson::Document(plan) => {
            if let Ok(stage) = plan.get_str("stage") {
                stages.push(plan.get_str("indexName").unwrap_or(stage).to_owned());
            }
            let taken = plan.iter().filter(|(key, _)| *key != "rejectedPlans");
            taken.for_each(|(_, value)| collect(value, stages));
        }
        Bson::Array(plans) => plans.iter().for_each(|plan| collect(plan, stages)),
        _ => {}
    }
}

fn after(sort: Sort) -> Position {
    let value = match sort {
        Sort::Newest => 1_100,
        Sort::Price | Sort::PriceDescending => 7,
    };
    (value, ProductId::at(Timestamp::from_unix_millis(1_100)))
}

const SORTS: [Sort; 3] = [Sort::Newest, Sort::Price, Sort::PriceDescending];

#[tokio::test]
async fn the_pages_people_look_at_are_read_in_the_order_of_an_index() {
    let (_database, db) = catalog().await;
    let blue = || BTreeMap::from([("colour".to_owned(), "blue".to_owned())]);
    for sort in SORTS {
        let order = if sort == Sort::Newest {
            "newest"
        } else {
            "cheapest"
        };
        for (status, category, in_stock, attributes, index) in [
            (true, false, None, BTreeMap::new(), "product"),
            (false, false, None, BTreeMap::new(), "product"),
            (true, false, Some(true), BTreeMap::new(), "product"),
            (true, false, Some(false), BTreeMap::new(), "product"),
            (true, true, None, BTreeMap::new(), "product_category"),
            (true, true, Some(true), BTreeMap::new(), "product_category"),
            (true, false, None, blue(), "product_attribute"),
        ] {
            let filter = Filter {
                status: status.then_some(ProductStatus::Active),
                category: category.then(|| "Kitchen".to_owned()),
                in_stock,
                attributes,
                sort,
                ..Filter::default()
            };
            for after in [None, Some(after(sort))] {
                let stages = plan(&db, &filter, after).await;
                assert!(
                    !stages.contains(&"SORT".to_owned()),
                    "{filter:?}: {stages:?}"
                );
                let used: BTreeSet<&String> = stages
                    .iter()
                    .filter(|stage| stage.starts_with("product_"))
                    .collect();
                let expected = format!("{index}_{order}");
                assert_eq!(used, BTreeSet::from([&expected]), "{filter:?}: {stages:?}");
            }
        }
    }
}

#[tokio::test]
async fn no_list_reads_all_products() {
    let (_database, db) = catalog().await;
    for bits in 0_u32..128 {
        for sort in SORTS {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let filter = Filter {
                status: is(6).then_some(ProductStatus::Active),
                category: is(1).then(|| "Kitchen".to_owned()),
                price_min: is(2).then_some(1),
                price_max: is(2).then_some(9),
                in_stock: is(3).then_some(true),
                words: tokens(["", "stone mug"][usize::from(is(4))])
                    .into_iter()
                    .collect(),
                attributes: is(5)
                    .then(|| ("colour".to_owned(), "blue".to_owned()))
                    .into_iter()
                    .collect(),
                sort,
            };
            let stages = plan(&db, &filter, is(0).then(|| after(sort))).await;
            let scans = stages.iter().any(|stage| stage == "COLLSCAN");
            assert!(!scans && !stages.is_empty(), "{filter:?}: {stages:?}");
        }
    }
}

#[tokio::test]
async fn the_beginning_of_a_rare_word_is_found_in_the_index_of_words() {
    let (_database, db) = catalog().await;
    let filter = Filter {
        words: tokens("29 mug").into_iter().collect(),
        ..Filter::default()
    };
    let found = listing::list(&db, &filter, None, 100).await.unwrap();
    let skus: BTreeSet<String> = found
        .iter()
        .map(|found| found.product.sku.to_string())
        .collect();
    assert_eq!(skus.len(), 11, "29 and 290 to 299: {skus:?}");
    let rare = Filter {
        words: tokens("299").into_iter().collect(),
        ..Filter::default()
    };
    let stages = plan(&db, &rare, None).await;
    assert!(stages.contains(&"product_words".to_owned()), "{stages:?}");
}

#[tokio::test]
async fn shelves_are_counted_without_a_look_at_a_product() {
    let (_database, db) = catalog().await;
    let count = doc! {
        "aggregate": PRODUCT, "pipeline": listing::counting(), "hint": listing::COUNTED_ALONG, "cursor": {},
    };
    let stages = winning_plan(&db, count).await;
    assert!(
        stages.contains(&listing::COUNTED_ALONG.to_owned()),
        "{stages:?}"
    );
    assert!(
        !stages
            .iter()
            .any(|stage| stage == "FETCH" || stage == "COLLSCAN"),
        "{stages:?}"
    );
}

/// How the server finds what each `$lookup` of a pipeline asks for: "index" or "all documents".
fn found_by(explained: &Bson, found: &mut Vec<String>) {
    match explained {
        Bson::Document(explained) => {
            if let Ok(indexes) = explained.get_array("indexesUsed") {
                let whole = explained.get_i64("collectionScans").unwrap();
                found.push(format!("{indexes:?}, {whole} scans"));
            }
            explained.values().for_each(|value| found_by(value, found));
        }
        Bson::Array(all) => all.iter().for_each(|value| found_by(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn all_that_an_order_may_touch_is_found_along_indexes() {
    let (_database, db) = catalog().await;
    let order = contracts::OrderId::at(Timestamp::from_unix_millis(1));
    let held = doc! {
        "_id": order.to_string(), "state": "held", "version": 1_i64, "asked": 0_i64,
        "created_at": 1_i64, "updated_at": 1_i64, "lines": [{ "sku": "S1", "quantity": 1_i64 }],
    };
    let reservations = db.collection::<Document>(RESERVATION);
    reservations.insert_one(held).await.unwrap();
    let wanted: Sku = "S2".parse().unwrap();
    let pipeline = stock::gathered::pipeline(&BTreeSet::from([order]), &BTreeSet::from([&wanted]));
    let explain = doc! {
        "explain": { "aggregate": 1, "pipeline": pipeline.clone(), "cursor": {} },
        "verbosity": "executionStats",
    };
    let explained = db.mongo().run_command(explain).await.unwrap();
    let mut found = Vec::new();
    found_by(&Bson::from(explained), &mut found);
    let along = |index: &str| format!("[String(\"{index}\")], 0 scans");
    assert_eq!(found, [along("_id_"), along("product_sku"), along("_id_")]);
    // And it finds what is asked for, and what is held.
    let gathered: Vec<Document> = db
        .mongo()
        .aggregate(pipeline)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let offers = gathered[0].get_array("offers").unwrap().iter();
    let skus: BTreeSet<&str> = offers
        .map(|offer| offer.as_document().unwrap().get_str("sku").unwrap())
        .collect();
    assert_eq!(skus, BTreeSet::from(["S1", "S2"]));
}
