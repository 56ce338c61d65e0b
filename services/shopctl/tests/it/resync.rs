//! `resync`: consumers that know nothing end with what the others know.

use std::path::Path;

use contracts::{Payload, ProductId, Role, UserId};
use messaging::Message;
use notification::domain::Intake;
use notification::store::{NotificationStore, TakeIn};
use order::domain::CatalogEntry;
use order::store::OrderStore;
use rusqlite::types::Value;
use serde_json::json;
use service_kit::http::etag::IfMatch;
use user::domain::{Email, Name, PasswordHash};
use user::store::NewAccount;

use crate::command::shopctl;
use crate::files::{Shop, context, published, settings, shop};

/// New products, in the order of their ids: those of one millisecond are not made in it.
async fn products(shop: &Shop, count: usize) -> Vec<ProductId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let new = json!({
            "sku": format!("SKU-{n}"), "title": format!("Thing {n}"),
            "price": {"amount": 100, "currency": "EUR"},
        });
        let new = serde_json::from_value(new).unwrap();
        let created = shop.products.store.create(new, None, None, context());
        match created.await.unwrap() {
            product::store::Once::Done(listed) => ids.push(listed.product.id),
            other => panic!("{other:?}"),
        }
    }
    ids.sort_unstable();
    ids
}

async fn patch(shop: &Shop, id: ProductId, patch: serde_json::Value) {
    let patch = serde_json::from_value(patch).unwrap();
    let patched = shop
        .products
        .store
        .patch(id, IfMatch::Any, patch, context());
    patched.await.unwrap();
}

/// Has an order store hear product events; how many changed something.
async fn hear(store: &dyn OrderStore, messages: &[Message]) -> usize {
    let mut changed = 0;
    for message in messages {
        let event = message.decode().unwrap();
        let product = match event.payload {
            Payload::ProductCreated(created) => created.product,
            Payload::ProductUpdated(updated) => updated.product,
            Payload::ProductArchived(archived) => archived.product,
            _ => continue,
        };
        let entry = CatalogEntry::from_snapshot(product, event.aggregate_version);
        let heard = store.hear_product(message.id.clone(), entry, context());
        changed += usize::from(heard.await.unwrap());
    }
    changed
}

/// All rows of a table.
fn rows(folder: &Path, service: &str, columns: &str) -> Vec<Vec<Value>> {
    let file = rusqlite::Connection::open(folder.join(format!("{service}.db"))).unwrap();
    let mut statement = file
        .prepare(&format!("SELECT {columns} ORDER BY 1"))
        .unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

const CATALOG: &str = "product_id, sku, title, price, currency, status, version FROM catalog";
const CONTACTS: &str = "user_id, email, name, keeps_catalog FROM contacts";

#[tokio::test]
async fn an_order_service_that_joined_later_has_the_same_catalog_after_a_resync() {
    let (shop, newcomer) = (shop().await, shop().await);
    let ids = products(&shop, 5).await;
    patch(&shop, ids[1], json!({"title": "Another"})).await;
    patch(&shop, ids[2], json!({"status": "archived"})).await;
    let told = published(&shop.products.messages).await;
    hear(&*shop.orders.store, &told).await;

    let resynced = shopctl(shop.data(), &["resync", "catalog", "--batch", "2"]);
    assert_eq!(
        resynced.json(),
        json!({"told": 5, "last": ids[4].to_string()})
    );
    let progress: Vec<_> = resynced.err.lines().collect();
    assert_eq!(progress.len(), 3);
    assert_eq!(
        progress[0],
        format!(
            "2 told; if this is interrupted, go on with `shopctl resync catalog --after {}`",
            ids[1]
        )
    );
    let retold = published(&shop.products.messages).await;
    assert_eq!(retold.len(), 5);
    assert_eq!(hear(&*newcomer.orders.store, &retold).await, 5);
    assert_eq!(
        rows(newcomer.data(), "order", CATALOG),
        rows(shop.data(), "order", CATALOG)
    );
    assert_eq!(hear(&*shop.orders.store, &retold).await, 0, "nothing new");
}

#[tokio::test]
async fn an_interrupted_resync_goes_on_after_what_it_said_last() {
    let shop = shop().await;
    let ids = products(&shop, 5).await;
    published(&shop.products.messages).await;
    let after = ids[2].to_string();
    let resynced = shopctl(shop.data(), &["resync", "catalog", "--after", &after]);
    assert_eq!(
        resynced.json(),
        json!({"told": 2, "last": ids[4].to_string()})
    );
    let refused = shopctl(shop.data(), &["resync", "catalog", "--after", "ord_1"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
}

async fn account(shop: &Shop, who: &str, roles: &[Role]) -> UserId {
    let context = context();
    let id = UserId::at(context.now);
    let new = NewAccount {
        id,
        email: Email::try_from(format!("{who}@example.com").as_str()).unwrap(),
        name: Name::try_from(who).unwrap(),
        roles: roles.to_vec(),
        password_hash: PasswordHash("hash".to_owned()),
    };
    assert!(shop.users.store.register(new, context).await.unwrap());
    id
}

/// Has a notification store take events in.
async fn take_in(store: &dyn NotificationStore, messages: &[Message]) {
    for message in messages {
        let event = message.decode().unwrap();
        let take_in = TakeIn {
            message_id: message.id.clone(),
            event_id: event.id,
            event_type: event.payload.event_type(),
            payload: message.body.clone(),
            intake: Intake::of(event),
            channels: Vec::new(),
        };
        store.take_in(take_in, context()).await.unwrap();
    }
}

#[tokio::test]
async fn a_notification_service_that_joined_later_knows_everybody_and_welcomes_nobody() {
    let (shop, newcomer) = (shop().await, shop().await);
    let ada = account(&shop, "ada", &[Role::Catalog]).await;
    let bob = account(&shop, "bob", &[]).await;
    let name = Name::try_from("Robert").unwrap();
    let renamed = shop
        .users
        .store
        .rename(bob, IfMatch::Any, Some(name), context());
    renamed.await.unwrap();
    let told = published(&shop.users.messages).await;
    take_in(&*shop.notifications.store, &told).await;

    let resynced = shopctl(shop.data(), &["resync", "contacts"]).json();
    assert_eq!(resynced["told"], json!(2));
    let retold = published(&shop.users.messages).await;
    take_in(&*newcomer.notifications.store, &retold).await;
    assert_eq!(
        rows(newcomer.data(), "notification", CONTACTS),
        rows(shop.data(), "notification", CONTACTS)
    );
    for id in [ada, bob] {
        let unread = newcomer.notifications.store.count_unread(id).await;
        assert_eq!(unread.unwrap(), 0, "nobody is welcomed again");
    }
    // Those that knew them know the same, and were not told either.
    take_in(&*shop.notifications.store, &retold).await;
    let unread = shop.notifications.store.count_unread(ada).await;
    assert_eq!(unread.unwrap(), 1, "the welcome at first");
}

#[tokio::test]
async fn a_shop_that_runs_another_version_is_not_touched() {
    let shop = shop().await;
    let file = rusqlite::Connection::open(shop.data().join("product.db")).unwrap();
    let newer = "UPDATE schema_migrations SET min_binary = 99";
    file.execute(newer, []).unwrap();
    let arguments = ["resync", "catalog", "--store-url"];
    let url = settings(shop.data(), "product").url;
    let refused = shopctl(shop.data(), &[&arguments[..], &[url.as_str()]].concat());
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("start a newer version"),
        "{}",
        refused.err
    );
}
