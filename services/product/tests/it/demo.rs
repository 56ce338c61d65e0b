//! The demo catalog.

use std::collections::BTreeSet;

use contracts::events::product::ProductStatus;
use contracts::{EventType, ManualClock};
use product::store::{self, Filter, Listed, Name};
use product::{Settings, demo};
use serde_json::json;

use crate::contract::{Fixture, RULES, start};
use crate::sqlite::url;

async fn open(settings: &Settings, folder: tempfile::TempDir) -> Fixture {
    let opened = store::open(&settings.store, RULES).await.unwrap();
    Fixture {
        store: opened.store,
        outbox: opened.messages,
        clock: ManualClock::at(start()),
        _guard: Box::new(folder),
    }
}

async fn catalog(fixture: &Fixture) -> Vec<Listed> {
    let filter = Filter {
        status: Some(ProductStatus::Active),
        ..Filter::default()
    };
    fixture.store.list(filter, None, 100).await.unwrap()
}

#[tokio::test]
async fn the_demo_fills_fifty_products_once_and_leaves_what_people_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.store.url = url(&folder.path().join("product.db"));
    let clock = ManualClock::at(start());
    assert_eq!(demo::seed(&settings, &clock).await.unwrap(), 50);

    let fixture = open(&settings, folder).await;
    let products = catalog(&fixture).await;
    let slugs: BTreeSet<&str> = products
        .iter()
        .map(|listed| listed.product.slug.as_str())
        .collect();
    assert_eq!(slugs.len(), 50);
    let shelves = fixture.store.categories().await.unwrap();
    assert_eq!(shelves.len(), 6);
    assert!(
        shelves.iter().all(|shelf| shelf.products >= 5),
        "{shelves:?}"
    );
    for listed in &products {
        let product = &listed.product;
        let price = product.price.money();
        assert_eq!(
            price.currency.as_str(),
            "EUR",
            "{}: one order may hold any of them",
            product.sku
        );
        assert!(
            (100..=100_000).contains(&price.amount),
            "{}: {price:?}",
            product.sku
        );
        assert!(!product.description.as_str().is_empty() && product.category.is_some());
    }
    let events = fixture.events().await;
    let created = events
        .iter()
        .filter(|(_, payload)| payload.event_type() == EventType::ProductCreated);
    assert_eq!(created.count(), 50, "so that orders can be priced");

    let edited = fixture
        .patch(&products[0], json!({"title": "Mine"}))
        .await
        .unwrap();
    let gone = fixture
        .patch(&products[1], json!({"status": "archived"}))
        .await
        .unwrap();
    fixture
        .adjust(products[2].product.sku.as_str(), 1_000)
        .await;
    let stock = fixture.counts(products[2].product.sku.as_str()).await;
    fixture.events().await;
    assert_eq!(demo::seed(&settings, &clock).await.unwrap(), 0);
    let read = async |listed: &Listed| {
        let name = Name::Id(listed.product.id);
        fixture.store.product(name).await.unwrap().unwrap()
    };
    assert_eq!(read(&edited).await, edited);
    assert_eq!(read(&gone).await, gone);
    assert_eq!(
        fixture.counts(products[2].product.sku.as_str()).await,
        stock
    );
    assert_eq!(catalog(&fixture).await.len(), 49);
    assert_eq!(
        fixture.outbox.outbox_stats().await.unwrap().pending,
        events.len() as u64 + 3
    );
}
