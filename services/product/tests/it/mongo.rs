//! The MongoDB store keeps the contract, also with two replicas at work; its server refuses what breaks I1, and finds
//! everything along an index.

mod round_trips;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::events::order::OrderPlaced;
use contracts::{Clock as _, EventType, ManualClock, OrderId, Payload, UserId};
use futures_util::future::join_all;
use futures_util::stream::TryStreamExt as _;
use messaging::mongo::MongoMessages;
use mongo_store::Database;
use mongo_store::mongodb::bson::{Document, doc};
use product::store::mongo::MongoStore;
use product::store::{ChangeError, CreateError, Filter, Once, ProductStore, Sort, StockCommand};
use service_kit::settings::StoreSettings;
use testkit::isolated;

use crate::contract::{Fixture, RULES, body, order, retry, sku, start, stock_line, whole_contract};
use crate::service;
use crate::stock_model::Books;

/// An empty store in a database of its own.
pub async fn fixture() -> Fixture {
    in_a_database().await.0
}

/// The same, and its books.
pub async fn with_books() -> (Fixture, Box<dyn Books>) {
    let (fixture, place) = in_a_database().await;
    (fixture, Box::new(MongoBooks(place.db)))
}

/// Where a store is, for a look past it.
struct Place {
    db: Database,
    settings: StoreSettings,
}

impl Place {
    /// The store as a second process has it: with connections and a line of its own.
    async fn another_replica(&self) -> Arc<dyn ProductStore> {
        Arc::new(MongoStore::open(&self.settings, RULES).await.unwrap())
    }
}

async fn in_a_database() -> (Fixture, Place) {
    let database = isolated::mongo_database().unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    MongoStore::migrate(&settings).await.unwrap();
    let store = MongoStore::open(&settings, RULES).await.unwrap();
    let db = store.database().clone();
    let fixture = Fixture {
        store: Arc::new(store),
        outbox: Arc::new(MongoMessages::new(db.clone())),
        clock: ManualClock::at(start()),
        _guard: Box::new(database),
    };
    (fixture, Place { db, settings })
}

struct MongoBooks(Database);

impl MongoBooks {
    async fn all(&self, collection: &str, matching: Document) -> Vec<Document> {
        let documents = self.0.collection::<Document>(collection);
        let found = documents.find(matching);
        found.await.unwrap().try_collect().await.unwrap()
    }
}

#[async_trait(?Send)]
impl Books for MongoBooks {
    async fn stock(&self, sku: &str) -> [i64; 4] {
        let stock = self.all("inventory", doc! { "_id": sku }).await.pop();
        let stock = stock.unwrap();
        ["received", "available", "reserved", "sold"].map(|place| stock.get_i64(place).unwrap())
    }

    async fn lines(&self, sku: &str) -> [i64; 2] {
        let mut sums = [0, 0];
        for (sum, state) in sums.iter_mut().zip(["held", "committed"]) {
            for reservation in self.all("reservation", doc! { "state": state }).await {
                let lines = reservation.get_array("lines").unwrap().iter();
                let lines = lines.map(|line| line.as_document().unwrap());
                let lines = lines.filter(|line| line.get_str("sku").ok() == Some(sku));
                *sum += lines
                    .map(|line| line.get_i64("quantity").unwrap())
                    .sum::<i64>();
            }
        }
        sums
    }

    async fn states(&self) -> BTreeMap<String, String> {
        let text = |reservation: &Document, key| reservation.get_str(key).unwrap().to_owned();
        let all = self.all("reservation", doc! {}).await;
        all.iter()
            .map(|reservation| (text(reservation, "_id"), text(reservation, "state")))
            .collect()
    }
}

whole_contract!(fixture);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_want_the_same_stock_never_sell_it_twice() {
    let (fixture, place) = in_a_database().await;
    fixture.product("HOT", 60).await;
    fixture.product("WARM", 500).await;
    fixture.events().await;
    let replicas = [Arc::clone(&fixture.store), place.another_replica().await];
    let orders: Vec<_> = (0..200)
        .map(|_| order(fixture.clock.now(), &[("HOT", 1), ("WARM", 1)], 1_000))
        .collect();
    // Each replica hears half of the orders, and some of the other's too; meanwhile people count.
    let hearing = orders.iter().enumerate().map(async |(n, order)| {
        let hear = async |replica: usize| {
            let message = format!("placed-{}", order.order_id);
            let hold = StockCommand::Hold(order.clone());
            replicas[replica]
                .stock(message, hold, fixture.context())
                .await
        };
        hear(n % 2).await.unwrap();
        if n % 10 == 0 {
            hear((n + 1) % 2).await.unwrap();
        }
    });
    let counting = (0..20).map(async |n| {
        let retry = retry(UserId::at(fixture.clock.now()), "k");
        let reason = "counted".to_owned();
        let adjusted = replicas[n % 2].adjust(sku("HOT"), 1, reason, retry, fixture.context());
        adjusted.await.unwrap();
    });
    futures_util::join!(join_all(hearing), join_all(counting));
    let events = fixture.events().await;
    let told = |wanted: EventType| {
        let told = events
            .iter()
            .filter(|(_, payload)| payload.event_type() == wanted);
        told.count()
    };
    let (available, reserved, sold) = fixture.counts("HOT").await;
    assert_eq!((available + reserved, sold), (80, 0));
    assert_eq!(told(EventType::StockReserved) as u64, reserved);
    assert_eq!(
        told(EventType::StockReserved) + told(EventType::StockRejected),
        200
    );
    assert_eq!(fixture.counts("WARM").await, (500 - reserved, reserved, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_that_create_one_sku_or_use_one_key_at_once_one_does() {
    let (fixture, place) = in_a_database().await;
    let replicas = [Arc::clone(&fixture.store), place.another_replica().await];
    let caller = UserId::at(fixture.clock.now());
    let create = |n: usize, key: Option<&str>| {
        let new = serde_json::from_value(body("MUG", 1_000, 4)).unwrap();
        let retry = key.map(|key| retry(caller, key));
        replicas[n % 2].create(new, Some(caller), retry, fixture.context())
    };
    let created = join_all((0..10).map(|n| create(n, Some("k")))).await;
    let created: Vec<_> = created.into_iter().map(Result::unwrap).collect();
    let done = created.iter().filter(|once| matches!(once, Once::Done(_)));
    assert_eq!(done.count(), 1);
    let replayed = created
        .iter()
        .filter(|once| matches!(once, Once::Replayed(_)));
    assert_eq!(replayed.count(), 9);
    assert_eq!(fixture.events().await.len(), 2, "created, and its stock");

    let create = |n: usize| {
        let new = serde_json::from_value(body("CUP", 1_000, 0)).unwrap();
        replicas[n % 2].create(new, None, None, fixture.context())
    };
    let created = join_all((0..10).map(create)).await;
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 1);
    let taken = |created: &&Result<_, _>| matches!(created, Err(CreateError::SkuTaken));
    assert_eq!(created.iter().filter(taken).count(), 9, "{created:?}");
    assert_eq!(fixture.events().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_ask_about_an_old_hold_once() {
    let (fixture, place) = in_a_database().await;
    fixture.product("MUG", 50).await;
    let mut orders = Vec::new();
    for _ in 0..10 {
        orders.push(fixture.place(&[("MUG", 1)]).await);
    }
    fixture.events().await;
    fixture.clock.advance(RULES.hold);
    let other = place.another_replica().await;
    let (one, two) = futures_util::join!(
        fixture.store.ask_about_old_holds(10, fixture.context()),
        other.ask_about_old_holds(10, fixture.context()),
    );
    assert_eq!(one.unwrap() + two.unwrap(), 10);
    let mut asked: Vec<OrderId> = fixture
        .events()
        .await
        .into_iter()
        .map(|(_, payload)| match payload {
            Payload::StockHoldExpired(expired) => expired.order_id,
            other => panic!("{other:?}"),
        })
        .collect();
    asked.sort();
    orders.sort();
    assert_eq!(asked, orders);
}

#[tokio::test]
async fn one_order_that_cannot_be_done_does_not_stop_those_that_wait_with_it() {
    let (fixture, place) = in_a_database().await;
    fixture.product("MUG", 50).await;
    fixture.events().await;
    let broken = OrderId::at(fixture.clock.now());
    // Another program's mistake: a hold of something that has no stock.
    let lost = doc! {
        "_id": broken.to_string(), "state": "held", "version": 1_i64, "asked": 0_i64,
        "created_at": 1_i64, "updated_at": 1_i64, "lines": [{ "sku": "LOST", "quantity": 1_i64 }],
    };
    let reservations = place.db.collection::<Document>("reservation");
    reservations.insert_one(lost).await.unwrap();
    let release = StockCommand::Release(broken);
    let cancelling = fixture
        .store
        .stock("broken".to_owned(), release, fixture.context());
    let placing = join_all((0..20).map(|_| fixture.place(&[("MUG", 1)])));
    let (refused, _) = futures_util::join!(cancelling, placing);
    let refused = refused.unwrap_err().0;
    assert!(!refused.is_away(), "{refused:?}");
    assert_eq!(fixture.counts("MUG").await, (30, 20, 0));
    assert_eq!(fixture.events().await.len(), 20);
}

#[tokio::test]
async fn the_server_refuses_stock_that_breaks_its_invariant_whoever_writes() {
    let (fixture, place) = in_a_database().await;
    fixture.product("MUG", 5).await;
    for change in [
        doc! { "$inc": { "available": -1_i64 } },
        doc! { "$inc": { "available": -6_i64, "reserved": 6_i64 } },
        doc! { "$set": { "available": 5.0 } },
        doc! { "$unset": { "sold": "" } },
    ] {
        let inventory = place.db.collection::<Document>("inventory");
        let refused = inventory
            .update_one(doc! { "_id": "MUG" }, change.clone())
            .await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("Document failed validation"),
            "{change}: {refused}"
        );
    }
    assert_eq!(fixture.counts("MUG").await, (5, 0, 0));
}

#[tokio::test]
async fn nothing_the_store_does_looks_at_all_documents() {
    let (fixture, place) = in_a_database().await;
    place.db.watch_plans().await.unwrap();
    let mug = fixture.product("MUG", 9).await;
    fixture.product("CUP", 2).await;
    let caller = UserId::at(fixture.clock.now());
    fixture
        .try_adjust("MUG", 1, retry(caller, "k"))
        .await
        .unwrap();
    fixture
        .try_adjust("MUG", 1, retry(caller, "k"))
        .await
        .unwrap();
    let none = fixture.try_adjust("NONE", 1, retry(caller, "n")).await;
    assert!(matches!(none, Err(ChangeError::NotFound)));
    let dearer = serde_json::json!({"price": {"amount": 2_000, "currency": "EUR"}});
    fixture.patch(&mug, dearer).await.unwrap();
    let order = fixture.place(&[("MUG", 2), ("CUP", 2)]).await;
    fixture.confirm(order).await;
    fixture
        .hear(
            "r",
            StockCommand::Restock(order, vec![stock_line("MUG", 1)]),
        )
        .await;
    fixture.cancel("c", order).await;
    fixture.place(&[("MUG", 100)]).await;
    fixture.place(&[("CUP", 1)]).await;
    fixture.clock.advance(RULES.hold);
    assert_eq!(
        fixture
            .store
            .ask_about_old_holds(5, fixture.context())
            .await
            .unwrap(),
        1
    );
    let history = fixture
        .store
        .adjustments(sku("MUG"), None, 1)
        .await
        .unwrap();
    let more = fixture
        .store
        .adjustments(sku("MUG"), Some(history[0].id), 1)
        .await;
    assert_eq!(more.unwrap().len(), 1);
    fixture.store.categories().await.unwrap();
    for sort in [Sort::Newest, Sort::Price, Sort::PriceDescending] {
        let filter = Filter {
            sort,
            ..Filter::default()
        };
        let page = fixture.store.list(filter.clone(), None, 1).await.unwrap();
        let after = page.last().map(|last| last.position(sort));
        fixture.store.list(filter, after, 1).await.unwrap();
    }
    fixture.events().await;
    assert_eq!(place.db.scans().await.unwrap(), Vec::<String>::new());
    // The list above is of use only while all of it is seen.
    let profile = place.db.collection::<Document>("system.profile");
    let was_seen = async |collection: &str, op: &str| {
        let database = place.db.mongo().name();
        let ns = format!("{database}.{collection}");
        // What a command does is noted under its name, but each update of an `update` by itself.
        let names = [
            doc! { format!("command.{op}"): collection },
            doc! { "op": op },
        ];
        let seen = doc! { "ns": ns, "$or": names };
        let seen = profile.count_documents(seen).await.unwrap();
        assert!(seen > 0, "no `{op}` of `{collection}` was seen");
    };
    for (collection, op) in [
        ("product", "find"),
        ("product", "aggregate"),
        ("reservation", "find"),
        ("adjustment", "find"),
        ("idempotency", "find"),
        ("inbox", "update"),
        ("product", "update"),
        ("inventory", "update"),
        ("reservation", "update"),
    ] {
        was_seen(collection, op).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_works_on_a_migrated_database() {
    let database = isolated::mongo_database().unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    product::store::migrate(&settings).await.unwrap();
    let service = service::start_on(settings, Box::new(database)).await;
    service.product("A", 30).await;
    let orders: Vec<_> = (0..50)
        .map(|_| order(service.clock.now(), &[("A", 1)], 1_000))
        .collect();
    let telling = orders.iter().map(|order| {
        service.tell(OrderPlaced {
            order: order.clone(),
        })
    });
    join_all(telling).await;
    let answers: BTreeMap<OrderId, Payload> = service.answers(50).await.into_iter().collect();
    assert_eq!(answers.len(), 50, "one answer each");
    service.wait_for_stock("A", (0, 30, 0)).await;
    service.stop().await;
}
