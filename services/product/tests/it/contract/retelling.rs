//! Telling the whole catalog again.

use contracts::events::product::{ProductArchived, ProductUpdated};
use contracts::{Payload, ProductId};
use product::store::{Listed, Name, Retold};
use serde_json::json;

use crate::contract::Fixture;

async fn retell(fixture: &Fixture, after: Option<ProductId>, limit: u32) -> Option<Retold> {
    let context = fixture.context();
    fixture.store.retell(after, limit, context).await.unwrap()
}

fn updated(listed: &Listed) -> (u64, Payload) {
    let updated = ProductUpdated {
        product: listed.product.snapshot(),
        replaced_price: None,
    };
    (listed.product.version, updated.into())
}

pub async fn every_product_is_told_as_it_is_now(fixture: Fixture) {
    assert_eq!(retell(&fixture, None, 10).await, None);
    let mug = fixture.product("MUG", 1).await;
    let dearer = json!({"price": {"amount": 2_000, "currency": "EUR"}});
    let mug = fixture.patch(&mug, dearer).await.unwrap();
    let cup = fixture.product("CUP", 0).await;
    let cup = fixture.patch(&cup, json!({"status": "archived"})).await;
    let cup = cup.unwrap();
    fixture.events().await;
    let all = Retold {
        last: cup.product.id,
        count: 2,
    };
    assert_eq!(retell(&fixture, None, 10).await, Some(all));
    let archived = ProductArchived {
        product: cup.product.snapshot(),
    };
    assert_eq!(
        fixture.events().await,
        [updated(&mug), (2, archived.into())]
    );
    for product in [mug, cup] {
        let read = fixture.store.product(Name::Id(product.product.id)).await;
        assert_eq!(read.unwrap(), Some(product));
    }
}

pub async fn telling_again_goes_on_where_it_ended(fixture: Fixture) {
    let mut products = Vec::new();
    for sku in ["A", "B", "C", "D", "E"] {
        products.push(fixture.product(sku, 0).await);
    }
    fixture.events().await;
    let mut after = None;
    let mut counts = Vec::new();
    while let Some(retold) = retell(&fixture, after, 2).await {
        after = Some(retold.last);
        counts.push(retold.count);
    }
    assert_eq!(counts, [2, 2, 1]);
    let all: Vec<_> = products.iter().map(updated).collect();
    assert_eq!(fixture.events().await, all);
}
