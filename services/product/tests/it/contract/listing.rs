//! Lists, filters and search.

use std::collections::BTreeMap;
use std::time::Duration;

use contracts::events::product::ProductStatus;
use product::domain::tokens::tokens;
use product::store::{CategoryCount, Filter, Sort};
use serde_json::json;

use crate::contract::{Fixture, body};

async fn skus(fixture: &Fixture, filter: Filter) -> Vec<String> {
    let page = fixture.store.list(filter, None, 100).await.unwrap();
    let skus = page.iter().map(|listed| listed.product.sku.to_string());
    skus.collect()
}

pub async fn lists_go_on_where_they_ended_in_every_order(fixture: Fixture) {
    for (sku, cents) in [("A", 300), ("B", 100), ("C", 300), ("D", 200), ("E", 300)] {
        fixture.try_create(body(sku, cents, 1)).await.unwrap();
        fixture.clock.advance(Duration::from_secs(1));
    }
    for sort in [Sort::Newest, Sort::Price, Sort::PriceDescending] {
        let filter = Filter {
            sort,
            ..Filter::default()
        };
        let whole = fixture.store.list(filter.clone(), None, 100).await.unwrap();
        let keys: Vec<i64> = whole.iter().map(|listed| listed.position(sort).0).collect();
        let ordered = match sort {
            Sort::Price => keys.is_sorted(),
            Sort::Newest | Sort::PriceDescending => keys.iter().rev().is_sorted(),
        };
        assert!(ordered && whole.len() == 5, "{sort:?}: {keys:?}");
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = fixture.store.list(filter.clone(), after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.position(sort));
            seen.extend(page);
        }
        assert_eq!(seen, whole, "{sort:?}");
    }
}

pub async fn each_filter_keeps_what_it_names(fixture: Fixture) {
    for (sku, cents, stock, category, colour) in [
        ("A", 100, 0, "Kitchen", json!("blue")),
        ("B", 200, 1, "Kitchen", json!(["red", "blue"])),
        ("C", 300, 2, "Home", json!("red")),
    ] {
        let mut product = body(sku, cents, stock);
        product["category"] = json!(category);
        product["attributes"] = json!({"colour": colour, "volume": cents});
        fixture.try_create(product).await.unwrap();
        fixture.clock.advance(Duration::from_secs(1));
    }
    let gone = fixture.product("GONE", 1).await;
    fixture
        .patch(&gone, json!({"status": "archived"}))
        .await
        .unwrap();
    let rows: [(Narrow, &[&str]); 13] = [
        (|_| {}, &["C", "B", "A"]),
        (|filter| filter.status = None, &["GONE", "C", "B", "A"]),
        (
            |filter| filter.category = Some("Kitchen".to_owned()),
            &["B", "A"],
        ),
        (|filter| filter.category = Some("kitchen".to_owned()), &[]),
        (|filter| filter.price_min = Some(200), &["C", "B"]),
        (|filter| filter.price_max = Some(200), &["B", "A"]),
        (|filter| filter.price_min = Some(i64::MAX), &[]),
        (|filter| filter.in_stock = Some(true), &["C", "B"]),
        (|filter| filter.in_stock = Some(false), &["A"]),
        (|filter| with(filter, "colour", "blue"), &["B", "A"]),
        (|filter| with(filter, "colour", "Blue"), &[]),
        (|filter| with(filter, "size", "1"), &[]),
        (both_attributes, &["B"]),
    ];
    for (narrow, expected) in rows {
        let mut filter = Filter {
            status: Some(ProductStatus::Active),
            ..Filter::default()
        };
        narrow(&mut filter);
        assert_eq!(skus(&fixture, filter.clone()).await, expected, "{filter:?}");
    }
}

/// Sets something in a filter.
type Narrow = fn(&mut Filter);

fn with(filter: &mut Filter, name: &str, value: &str) {
    filter.attributes.insert(name.to_owned(), value.to_owned());
}

fn both_attributes(filter: &mut Filter) {
    with(filter, "colour", "blue");
    with(filter, "volume", "200");
}

pub async fn every_word_has_to_begin_a_word_of_the_product(fixture: Fixture) {
    for (sku, title) in [
        ("A-1", "Crème-brûlée Set"),
        ("B-2", "Stoneware mug"),
        ("C-3", "Mugs, set of 2"),
    ] {
        let mut product = body(sku, 100, 1);
        product["title"] = json!(title);
        fixture.try_create(product).await.unwrap();
        fixture.clock.advance(Duration::from_secs(1));
    }
    for (q, expected) in [
        ("mug", vec!["C-3", "B-2"]),
        ("MUG set", vec!["C-3"]),
        ("set", vec!["C-3", "A-1"]),
        ("brul creme", vec!["A-1"]),
        ("ug", vec![]),
        ("mugx", vec![]),
        ("b-2", vec!["B-2"]),
        ("tests thing mug", vec!["C-3", "B-2"]),
        ("%", vec!["C-3", "B-2", "A-1"]),
    ] {
        for sort in [Sort::Newest, Sort::PriceDescending] {
            let filter = Filter {
                words: tokens(q).into_iter().collect(),
                sort,
                ..Filter::default()
            };
            let mut found = skus(&fixture, filter).await;
            if sort == Sort::PriceDescending {
                found.sort();
                found.reverse();
            }
            assert_eq!(found, expected, "{q}");
        }
    }
}

pub async fn a_changed_product_is_found_by_its_new_words_only(fixture: Fixture) {
    let before = fixture.product("A", 1).await;
    let words = |q: &str| Filter {
        words: tokens(q).into_iter().collect(),
        ..Filter::default()
    };
    let change = json!({"title": "Lamp", "attributes": {"watt": 5}});
    fixture.patch(&before, change).await.unwrap();
    assert_eq!(skus(&fixture, words("the")).await, Vec::<String>::new());
    assert_eq!(skus(&fixture, words("lam")).await, ["A"]);
    let watt = Filter {
        attributes: BTreeMap::from([("watt".to_owned(), "5".to_owned())]),
        ..Filter::default()
    };
    assert_eq!(skus(&fixture, watt).await, ["A"]);
}

pub async fn what_is_sold_out_is_listed_so_until_some_is_back(fixture: Fixture) {
    fixture.product("A", 1).await;
    fixture.product("B", 2).await;
    let listed = async |in_stock| {
        let filter = Filter {
            in_stock: Some(in_stock),
            ..Filter::default()
        };
        skus(&fixture, filter).await
    };
    let order = fixture.place(&[("A", 1), ("B", 1)]).await;
    assert_eq!(
        (listed(true).await, listed(false).await),
        (vec!["B".into()], vec!["A".into()])
    );
    fixture.adjust("B", -1).await;
    assert_eq!(listed(true).await, Vec::<String>::new());
    fixture.cancel("c", order).await;
    assert_eq!(listed(true).await, ["B", "A"]);
    fixture.adjust("A", -1).await;
    assert_eq!(listed(false).await, ["A"]);
    fixture.adjust("A", 1).await;
    assert_eq!(listed(true).await, ["B", "A"]);
}

pub async fn pages_of_one_price_leave_nothing_out(fixture: Fixture) {
    for n in 0..9 {
        let stock = n % 2;
        fixture.product(&format!("P{n}"), stock).await;
    }
    for sort in [Sort::Newest, Sort::Price, Sort::PriceDescending] {
        for words in ["", "the thing"] {
            let filter = Filter {
                status: Some(ProductStatus::Active),
                price_min: Some(1_000),
                price_max: Some(1_000),
                words: tokens(words).into_iter().collect(),
                sort,
                ..Filter::default()
            };
            let (mut after, mut seen) = (None, Vec::new());
            loop {
                let page = fixture.store.list(filter.clone(), after, 4).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.position(sort));
                seen.extend(page.iter().map(|listed| listed.product.sku.to_string()));
            }
            seen.sort();
            let all: Vec<String> = (0..9).map(|n| format!("P{n}")).collect();
            assert_eq!(seen, all, "{filter:?}");
        }
    }
}

pub async fn categories_are_counted_without_archived_products(fixture: Fixture) {
    for (sku, category) in [
        ("A", "Kitchen"),
        ("B", "Kitchen"),
        ("C", "Home"),
        ("D", "Old"),
    ] {
        let mut product = body(sku, 100, 1);
        product["category"] = json!(category);
        let created = fixture.try_create(product).await.unwrap();
        if category == "Old" {
            fixture
                .patch(&created, json!({"status": "archived"}))
                .await
                .unwrap();
        }
    }
    let count = |name: &str, products| CategoryCount {
        name: name.to_owned(),
        products,
    };
    let categories = fixture.store.categories().await.unwrap();
    assert_eq!(categories, [count("Home", 1), count("Kitchen", 2)]);
}
