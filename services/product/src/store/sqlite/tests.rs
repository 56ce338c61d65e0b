//! What only this store promises: every statement of a list runs along an index.

use std::collections::BTreeMap;

use contracts::Timestamp;
use contracts::events::product::ProductStatus;
use rusqlite::params_from_iter;

use super::*;
use crate::domain::tokens::tokens;
use crate::store::{Filter, Sort};

async fn open() -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("product.db");
    let db = Database::open(&path, &SCHEMA).await.unwrap();
    (folder, db)
}

/// The plan of a page, one step a line.
async fn plan(db: &Database, filter: Filter, after: Option<Position>) -> Vec<String> {
    db.read::<_, StoreError, _>(move |connection| {
        let query = listing::query(&filter, after, 21);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql))?;
        let steps = statement.query_map(params_from_iter(query.values), |row| row.get(3))?;
        Ok(steps.collect::<rusqlite::Result<_>>()?)
    })
    .await
    .unwrap()
}

fn active() -> Filter {
    Filter {
        status: Some(ProductStatus::Active),
        ..Filter::default()
    }
}

/// Every list that is offered: the administrators' list of everything, and every combination of filters and orders of one
/// status; each on the first and on a later page.
fn all_lists() -> Vec<(Filter, Option<Position>)> {
    let after = (5, ProductId::at(Timestamp::from_unix_millis(5)));
    let mut lists = vec![(Filter::default(), None), (Filter::default(), Some(after))];
    for bits in 0_u32..64 {
        for sort in [Sort::Newest, Sort::Price, Sort::PriceDescending] {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let words = ["", "stone mug"][usize::from(is(4))];
            let attribute = || ("colour".to_owned(), "blue".to_owned());
            let filter = Filter {
                status: Some(ProductStatus::Active),
                category: is(1).then(|| "Kitchen".to_owned()),
                price_min: is(2).then_some(1),
                price_max: is(2).then_some(9),
                in_stock: is(3).then_some(true),
                words: tokens(words).into_iter().collect(),
                attributes: is(5)
                    .then(attribute)
                    .into_iter()
                    .collect::<BTreeMap<_, _>>(),
                sort,
            };
            lists.push((filter, is(0).then_some(after)));
        }
    }
    lists
}

#[tokio::test]
async fn the_pages_customers_look_at_are_read_along_an_index_without_sorting() {
    let (_folder, db) = open().await;
    let stock = "SEARCH i USING PRIMARY KEY (sku=?)";
    let after = Some((5, ProductId::at(Timestamp::from_unix_millis(5))));
    let kitchen = Filter {
        category: Some("Kitchen".to_owned()),
        ..active()
    };
    let by_price = |filter: Filter| Filter {
        sort: Sort::Price,
        ..filter
    };
    let newest = "SEARCH p USING INDEX product_newest (status=?)";
    let price = "SEARCH p USING INDEX product_price (status=?)";
    for (filter, after, expected) in [
        (active(), None, newest.to_owned()),
        (active(), after, newest.replace("=?", "=? AND (created_at,id)<(?,?)")),
        (by_price(active()), None, price.to_owned()),
        (by_price(active()), after, price.replace("=?", "=? AND (price_amount,id)>(?,?)")),
        (
            kitchen.clone(),
            None,
            "SEARCH p USING INDEX product_category_newest (status=? AND category=?)".to_owned(),
        ),
        (
            by_price(kitchen),
            after,
            "SEARCH p USING INDEX product_category_price (status=? AND category=? AND (price_amount,id)>(?,?))"
                .to_owned(),
        ),
        (Filter::default(), None, "SCAN p USING INDEX product_any_newest".to_owned()),
    ] {
        assert_eq!(plan(&db, filter, after).await, [expected.as_str(), stock]);
    }
}

#[tokio::test]
async fn no_list_reads_a_table_without_an_index() {
    let (_folder, db) = open().await;
    for (filter, after) in all_lists() {
        let steps = plan(&db, filter.clone(), after).await;
        let whole_table = |step: &&String| step.starts_with("SCAN") && !step.contains("INDEX");
        assert_eq!(
            steps.iter().find(whole_table),
            None,
            "{filter:?}: {steps:#?}"
        );
    }
}
