//! The same facts, kept by other engines, are the same to the checker; and what the broker adds.

use std::collections::BTreeMap;

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mongodb::bson::{Document, doc};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use testkit::checker::{
    self, Look, Messages, Notifications, Orders, Queues, Snapshot, Stock, StoreUrls, Stores, Tap,
    Tapped, Users,
};
use testkit::{isolated, wait};

use crate::folder::healthy;

const ORDER: &str = include_str!("../../../../services/order/src/store/postgres/schema.sql");
const NOTIFICATION: &str =
    include_str!("../../../../services/notification/src/store/postgres/schema.sql");

/// A database with a service's tables.
async fn migrated(url: &str, schema: &'static str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    for schema in [
        messaging::postgres::SCHEMA_SQL,
        postgres_store::idempotency::SCHEMA_SQL,
        schema,
    ] {
        connection.execute(schema).await.unwrap();
    }
    connection
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

/// Rows for the messages; the body says what the rules look at.
async fn messages_as_rows(connection: &mut PgConnection, messages: &Messages) {
    for (id, told) in &messages.outbox {
        let (event_type, about) = (&told.event_type, &told.correlation_id);
        let (body, published) = (body(told), told.published.then_some(1));
        let published = published.map_or("NULL".to_owned(), |at: i64| at.to_string());
        run(
            connection,
            format!(
                "INSERT INTO outbox (id, type, producer, correlation_id, aggregate_version, occurred_at, body, published_at)
                 VALUES ('{id}', '{event_type}', 'p', '{about}', 1, 1, '{body}', {published})"
            ),
        )
        .await;
    }
    for ((consumer, id), at) in &messages.inbox {
        let row = format!("INSERT INTO inbox VALUES ('{consumer}', '{id}', {at})");
        run(connection, row).await;
    }
}

fn body(told: &checker::Told) -> String {
    let about = &told.about;
    serde_json::json!({
        "user_id": about.user_id, "order": {"customer_id": about.order.customer_id},
        "outcome": about.outcome, "repeated": about.repeated, "further": [1],
    })
    .to_string()
}

async fn orders_as_rows(url: &str, store: &Orders) {
    let mut connection = migrated(url, ORDER).await;
    messages_as_rows(&mut connection, &store.messages).await;
    for (sequence, (id, order)) in (1..).zip(&store.orders) {
        let lines = order.lines.iter().map(|(sku, quantity)| {
            serde_json::json!({"sku": sku, "title": "t", "quantity": quantity, "unit_price": 1})
        });
        let lines: serde_json::Value = lines.collect();
        let (status, version, at) = (&order.status, order.version, order.created_at);
        run(
            &mut connection,
            format!(
                "INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method,
                   created_at, updated_at)
                 VALUES ({sequence}, '{id}', 'c', '{status}', {version}, 'EUR', 1, '{lines}', 'manual', {at}, {at})"
            ),
        )
        .await;
        for version in &order.timeline {
            let row = format!("INSERT INTO timeline VALUES ('{id}', {version}, 1, 'kind')");
            run(&mut connection, row).await;
        }
    }
    for (id, offer) in &store.catalog {
        let (sku, amount, currency) = (&offer.sku, offer.amount, &offer.currency);
        let (status, version) = (&offer.status, offer.version);
        run(
            &mut connection,
            format!(
                "INSERT INTO catalog VALUES ('{id}', '{sku}', 't', {amount}, '{currency}', '{status}', {version})"
            ),
        )
        .await;
    }
    for ((caller, key), kept) in &store.keys {
        let (status, object) = (kept.status, &kept.object_id);
        run(
            &mut connection,
            format!(
                "INSERT INTO idempotency VALUES ('{caller}', '{key}', 'f', {status}, '{object}', NULL, 1)"
            ),
        )
        .await;
    }
}

async fn notifications_as_rows(url: &str, store: &Notifications) {
    let mut connection = migrated(url, NOTIFICATION).await;
    messages_as_rows(&mut connection, &store.messages).await;
    for (number, told) in (1..).zip(&store.notifications) {
        let (user, sequence, event) = (&told.user_id, told.stream_seq, &told.event_id);
        run(
            &mut connection,
            format!(
                "INSERT INTO notifications (id, user_id, stream_seq, event_id, type, title, body, data, payload, created_at)
                 VALUES ('ntf_{number}', '{user}', {sequence}, '{event}', 't', 't', 'b', '{{}}', '{{}}', 1)"
            ),
        )
        .await;
    }
    for (id, sent) in &store.deliveries {
        let (event, user, channel) = (&sent.event_id, &sent.user_id, &sent.channel);
        let state = &sent.state;
        run(
            &mut connection,
            format!(
                "INSERT INTO deliveries (id, notification_id, event_id, type, user_id, channel, address, name, state,
                   created_at, updated_at)
                 VALUES ('{id}', 'n', '{event}', 't', '{user}', '{channel}', 'a', 'n', '{state}', 1, 1)"
            ),
        )
        .await;
    }
    for (user, contact) in &store.contacts {
        let (name, email) = (&contact.name, &contact.email);
        run(
            &mut connection,
            format!(
                "INSERT INTO contacts (user_id, email, name, profile_version) VALUES ('{user}', '{email}', '{name}', 1)"
            ),
        )
        .await;
    }
}

async fn insert(database: &mongodb::Database, collection: &str, documents: Vec<Document>) {
    if !documents.is_empty() {
        let into = database.collection::<Document>(collection);
        into.insert_many(documents).await.unwrap();
    }
}

async fn database(url: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(url).await.unwrap();
    client.default_database().unwrap()
}

async fn messages_as_documents(database: &mongodb::Database, messages: &Messages) {
    // Its validators are the real ones.
    messaging::mongo::migrate(database).await.unwrap();
    let outbox = messages.outbox.iter().map(|(id, told)| {
        let mut row = doc! {
            "_id": id, "type": &told.event_type, "correlation_id": &told.correlation_id, "aggregate_version": 1_i64,
            "occurred_at": 1_i64, "producer": "p", "traceparent": null, "body": body(told),
            "seq": mongodb::bson::Timestamp { time: 0, increment: 0 }, "claimed_until": 0_i64,
        };
        if told.published {
            row.insert("published_at", 1_i64);
        } else {
            row.insert("pending", true);
        }
        row
    });
    insert(database, "outbox", outbox.collect()).await;
    let inbox = messages.inbox.iter().map(|((consumer, id), at)| {
        doc! { "_id": { "consumer": consumer, "message_id": id }, "received_at": at }
    });
    insert(database, "inbox", inbox.collect()).await;
}

async fn users_as_documents(url: &str, store: &Users) {
    let database = database(url).await;
    messages_as_documents(&database, &store.messages).await;
    let accounts = store.accounts.iter().map(|(id, contact)| {
        doc! { "_id": id, "name": &contact.name, "email": &contact.email, "version": 1_i64 }
    });
    insert(&database, "account", accounts.collect()).await;
}

async fn stock_as_documents(url: &str, store: &Stock) {
    let database = database(url).await;
    messages_as_documents(&database, &store.messages).await;
    let products = store.products.iter().map(|(id, offer)| {
        doc! {
            "_id": id, "sku": &offer.sku, "price": { "amount": offer.amount, "currency": &offer.currency },
            "status": &offer.status, "version": offer.version,
        }
    });
    insert(&database, "product", products.collect()).await;
    let shelves = store.shelves.iter().map(|(sku, shelf)| {
        doc! {
            "_id": sku, "received": shelf.received, "available": shelf.available, "reserved": shelf.reserved,
            "sold": shelf.sold, "low_told": false,
        }
    });
    insert(&database, "inventory", shelves.collect()).await;
    let reservations = store.reservations.iter().map(|(id, reservation)| {
        let lines = reservation.lines.iter();
        let lines: Vec<Document> = lines
            .map(|(sku, quantity)| doc! { "sku": sku, "quantity": quantity })
            .collect();
        doc! { "_id": id, "state": &reservation.state, "lines": lines }
    });
    insert(&database, "reservation", reservations.collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_on_real_servers_looks_as_it_does_in_files() {
    let folder = healthy();
    let files = checker::snapshot(folder.path()).unwrap();
    let (order, notification) = (
        isolated::postgres_database().await.unwrap(),
        isolated::postgres_database().await.unwrap(),
    );
    let (user, product) = (
        isolated::mongo_database().unwrap(),
        isolated::mongo_database().unwrap(),
    );
    let broker = isolated::vhost().await.unwrap();
    let urls = StoreUrls {
        user: user.url().to_owned(),
        product: product.url().to_owned(),
        order: order.url().to_owned(),
        notification: notification.url().to_owned(),
        broker: broker.url().to_owned(),
    };
    let stores = Stores::at(&urls).await.unwrap();
    let nothing = stores.snapshot().await.unwrap();
    let empty = Snapshot {
        taken_at: nothing.taken_at,
        broker: Some(Queues::Counted(BTreeMap::new())),
        ..Snapshot::default()
    };
    assert_eq!(nothing, empty, "nothing was migrated yet");

    orders_as_rows(order.url(), files.order.as_ref().unwrap()).await;
    notifications_as_rows(notification.url(), files.notification.as_ref().unwrap()).await;
    users_as_documents(user.url(), files.user.as_ref().unwrap()).await;
    stock_as_documents(product.url(), files.product.as_ref().unwrap()).await;

    let servers = stores.quiescent().await.unwrap();
    let expected = Snapshot {
        taken_at: servers.taken_at,
        broker: Some(Queues::Counted(BTreeMap::new())),
        ..files
    };
    assert_eq!(servers, expected);
    assert!(stores.catalog_knows("A").await.unwrap());
    assert!(!stores.catalog_knows("B").await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tap_sees_what_passes_the_exchange() {
    let vhost = isolated::vhost().await.unwrap();
    let tap = Tap::open(vhost.url()).await.unwrap();
    tap.foreign("evt_3");
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(vhost.url(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for (id, event_type) in [
        ("evt_3", "nobody.knows.v1"),
        ("evt_1", "order.placed.v1"),
        ("evt_1", "order.placed.v1"),
        ("evt_2", "stock.reserved.v1"),
    ] {
        let message = BasicProperties::default().with_message_id(id.into());
        channel
            .basic_publish(
                "shop.events".into(),
                event_type.into(),
                BasicPublishOptions::default(),
                b"{}",
                message,
            )
            .await
            .unwrap();
    }
    wait::until("the tap to see the last", || async {
        Ok(tap.seen().contains_key("evt_2").then_some(()))
    })
    .await
    .unwrap();
    let tapped = |event_type: &str, times| Tapped {
        event_type: event_type.to_owned(),
        times,
    };
    assert_eq!(
        tap.seen(),
        BTreeMap::from([
            ("evt_1".to_owned(), tapped("order.placed.v1", 2)),
            ("evt_2".to_owned(), tapped("stock.reserved.v1", 1)),
        ])
    );
}

#[test]
fn outboxes_and_the_tap_must_agree() {
    let folder = healthy();
    let mut shop = checker::snapshot(folder.path()).unwrap();
    let told: Vec<_> = shop
        .services()
        .flat_map(|(_, messages)| &messages.outbox)
        .collect();
    let seen = told.iter().map(|(id, told)| {
        let event_type = told.event_type.clone();
        (
            (*id).clone(),
            Tapped {
                event_type,
                times: 1,
            },
        )
    });
    let mut tap: BTreeMap<String, Tapped> = seen.collect();
    shop.tap = Some(tap.clone());
    assert_eq!(shop.look(), Look::default());

    let reserved = tap.remove("evt_4").unwrap();
    tap.insert("evt_0".to_owned(), reserved);
    shop.tap = Some(tap);
    assert_eq!(
        shop.look().wrong,
        [
            "I5: evt_4 stock.reserved.v1 never passed the exchange",
            "I6: evt_0 stock.reserved.v1 passed the exchange, and nobody told it",
        ]
    );
}

#[test]
fn queues_that_are_only_counted_are_waited_for() {
    let folder = healthy();
    let mut shop = checker::snapshot(folder.path()).unwrap();
    let counts = [
        ("order.stock", 2),
        ("order.dead-letters", 1),
        ("product.orders", 0),
        ("extra.queue", 5),
    ];
    let counts = counts.map(|(queue, count)| (queue.to_owned(), count));
    shop.broker = Some(Queues::Counted(counts.into()));
    assert_eq!(
        shop.look().moving,
        [
            "broker: in order.dead-letters: 1 messages",
            "broker: in order.stock: 2 messages"
        ]
    );
}

#[test]
fn one_store_alone_shows_what_is_never_right() {
    let folder = healthy();
    folder.run("product", "UPDATE inventory SET available = 9");
    // That the other service has not heard of it yet is no violation.
    folder.run("order", "DELETE FROM inbox");
    let shop = checker::snapshot(folder.path()).unwrap();
    assert_eq!(
        shop.wrong_at_any_moment(),
        ["I1: A: received 10, available 9, reserved 0, sold 2"]
    );
}
