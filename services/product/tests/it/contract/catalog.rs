//! Creating and changing products.

use std::time::Duration;

use contracts::Clock as _;
use contracts::events::product::{
    ProductArchived, ProductCreated, ProductStatus, ProductUpdated, ReplacedPrice,
};
use contracts::{Payload, ProductId, UserId};
use product::store::{ChangeError, CreateError, Filter, Name, Once};
use serde_json::json;

use crate::contract::{Fixture, body, euros, retry, sku};

pub async fn a_created_product_is_read_back_by_id_and_slug_and_told_once(fixture: Fixture) {
    let mut whole = body("MUG", 1_299, 0);
    whole["attributes"] = json!({"colour": "blue", "sizes": [1, 2]});
    let listed = fixture.try_create(whole).await.unwrap();
    let product = &listed.product;
    assert_eq!(
        (product.version, product.status),
        (1, ProductStatus::Active)
    );
    assert_eq!((product.slug.as_str(), listed.in_stock), ("the-mug", false));
    assert_eq!(product.price.money(), euros(1_299));
    for name in [Name::Id(product.id), Name::Slug("the-mug".to_owned())] {
        let read = fixture.store.product(name).await.unwrap();
        assert_eq!(read.as_ref(), Some(&listed));
    }
    let created = ProductCreated {
        product: product.snapshot(),
    };
    assert_eq!(fixture.events().await, [(1, created.into())]);
    let unknown = Name::Id(ProductId::at(fixture.clock.now()));
    assert_eq!(fixture.store.product(unknown).await.unwrap(), None);
}

pub async fn a_taken_sku_is_refused_and_leaves_nothing_behind(fixture: Fixture) {
    let first = fixture.product("MUG", 3).await;
    fixture.events().await;
    let again = fixture.try_create(body("MUG", 1, 9)).await;
    assert!(matches!(again, Err(CreateError::SkuTaken)), "{again:?}");
    assert_eq!(fixture.events().await, []);
    assert_eq!(fixture.counts("MUG").await, (3, 0, 0));
    let all = fixture
        .store
        .list(Filter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(all, [first]);
}

pub async fn products_of_one_title_have_slugs_of_their_own(fixture: Fixture) {
    let mut slugs = Vec::new();
    for n in 0..22 {
        let mut mug = body(&format!("MUG-{n}"), 1, 0);
        mug["title"] = json!("A Mug!");
        slugs.push(fixture.try_create(mug).await.unwrap().product);
    }
    assert_eq!(slugs[0].slug, "a-mug");
    assert_eq!(slugs[1].slug, "a-mug-2");
    assert_eq!(slugs[19].slug, "a-mug-20");
    let id = slugs[21].id.uuid().as_simple().to_string();
    assert_eq!(slugs[21].slug, format!("a-mug-{id}"));
}

pub async fn a_creation_with_a_key_happens_once(fixture: Fixture) {
    let caller = UserId::at(fixture.clock.now());
    let create = |sku: &str, key: &str, fingerprint: &str| {
        let new = serde_json::from_value(body(sku, 1_000, 4)).unwrap();
        let mut retry = retry(caller, key);
        fingerprint.clone_into(&mut retry.fingerprint);
        fixture
            .store
            .create(new, Some(caller), Some(retry), fixture.context())
    };
    let Once::Done(first) = create("MUG", "k", "one").await.unwrap() else {
        panic!("the first time");
    };
    let events = fixture.events().await.len();
    assert_eq!(events, 2, "created, and its stock");
    let again = create("MUG", "k", "one").await.unwrap();
    assert_eq!(again, Once::Replayed(first.clone()));
    let changed = fixture
        .patch(&first, json!({"title": "New"}))
        .await
        .unwrap();
    let again = create("MUG", "k", "one").await.unwrap();
    assert_eq!(again, Once::Replayed(changed), "as it is today");
    let other = create("CUP", "k", "two").await.unwrap();
    assert_eq!(other, Once::KeyReused);
    assert_eq!(fixture.store.inventory(sku("CUP")).await.unwrap(), None);
    let refused = create("MUG", "k2", "one").await;
    assert!(matches!(refused, Err(CreateError::SkuTaken)));
}

pub async fn a_change_needs_the_version_somebody_has_seen_and_is_told_with_the_old_price(
    fixture: Fixture,
) {
    let before = fixture.product("MUG", 0).await;
    fixture.events().await;
    let change = json!({"title": "Big mug", "price": {"amount": 1_200, "currency": "EUR"}, "category": null});
    let after = fixture.patch(&before, change.clone()).await.unwrap();
    let mut expected = before.product.clone();
    expected.title = "Big mug".to_owned().try_into().unwrap();
    expected.price = euros(1_200).try_into().unwrap();
    expected.category = None;
    expected.version = 2;
    expected.updated_at = fixture.clock.now();
    assert_eq!(
        after.product, expected,
        "the slug stays: links go on working"
    );

    let stale = fixture.patch(&before, change).await;
    assert!(matches!(stale, Err(ChangeError::Stale)), "{stale:?}");
    let updated = ProductUpdated {
        product: after.product.snapshot(),
        replaced_price: Some(ReplacedPrice {
            price: euros(1_000),
            replaced_at: fixture.clock.now(),
        }),
    };
    assert_eq!(fixture.events().await, [(2, updated.into())]);
}

pub async fn what_changes_nothing_is_no_new_version_and_tells_nothing(fixture: Fixture) {
    let before = fixture.product("MUG", 1).await;
    fixture.events().await;
    fixture.clock.advance(Duration::from_mins(1));
    let same = json!({"title": "The MUG", "price": {"amount": 1_000, "currency": "EUR"}});
    assert_eq!(fixture.patch(&before, same).await.unwrap(), before);
    assert_eq!(fixture.patch(&before, json!({})).await.unwrap(), before);
    assert_eq!(fixture.events().await, []);
}

pub async fn an_archived_product_is_told_as_such_and_may_come_back(fixture: Fixture) {
    let before = fixture.product("MUG", 0).await;
    fixture.events().await;
    let archived = fixture.patch(&before, json!({"status": "archived"})).await;
    let archived = archived.unwrap();
    let back = fixture.patch(&archived, json!({"status": "active"})).await;
    let back = back.unwrap();
    let told: [(u64, Payload); 2] = [
        (
            2,
            ProductArchived {
                product: archived.product.snapshot(),
            }
            .into(),
        ),
        (
            3,
            ProductUpdated {
                product: back.product.snapshot(),
                replaced_price: None,
            }
            .into(),
        ),
    ];
    assert_eq!(fixture.events().await, told);
    let missing = fixture.store.product(Name::Id(back.product.id)).await;
    assert_eq!(missing.unwrap(), Some(back));
}

pub async fn of_many_changes_of_one_version_at_once_one_wins(fixture: Fixture) {
    let before = fixture.product("MUG", 0).await;
    let changes = (0..20).map(|n| fixture.patch(&before, json!({"title": format!("Mug {n}")})));
    let outcomes = futures_util::future::join_all(changes).await;
    let won: Vec<_> = outcomes
        .iter()
        .filter_map(|done| done.as_ref().ok())
        .collect();
    assert_eq!(won.len(), 1);
    let now = fixture.store.product(Name::Id(before.product.id)).await;
    assert_eq!(now.unwrap().as_ref(), Some(won[0]));
    let stale = outcomes
        .iter()
        .filter(|done| matches!(done, Err(ChangeError::Stale)));
    assert_eq!(stale.count(), 19);
    let events = fixture.events().await;
    assert_eq!(events.len(), 2, "created, and changed once");
}
