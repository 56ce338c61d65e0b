//! The PostgreSQL store keeps the contract, also with several replicas and a server that ends connections.

mod model;
mod outages;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use contracts::{ManualClock, ShipmentId};
use messaging::postgres::PostgresMessages;
use order::domain::{Deadlines, Dispatch, Input, ShipmentText};
use order::store::postgres::PostgresOrders;
use service_kit::settings::StoreSettings;
use testkit::isolated::{PostgresDatabase, postgres_database};

use crate::contract::sweeping::what_cannot_be_read_keeps_no_other_waiting;
use crate::contract::{Fixture, start, whole_contract};

/// Settings of a new database with the schema.
async fn migrated() -> (PostgresDatabase, StoreSettings) {
    let database = postgres_database().await.unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    PostgresOrders::migrate(&settings).await.unwrap();
    (database, settings)
}

/// A replica of the service.
async fn replica(settings: &StoreSettings) -> PostgresOrders {
    PostgresOrders::open(settings, Deadlines::default())
        .await
        .unwrap()
}

async fn fixture_with(database: PostgresDatabase, store: PostgresOrders) -> Fixture {
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    let outbox = PostgresMessages::new(store.database().clone());
    let fixture = Fixture {
        store: Arc::new(store),
        other: Arc::new(replica(&settings).await),
        outbox: Arc::new(outbox),
        clock: ManualClock::at(start()),
        guard: Box::new(database),
    };
    fixture.fill_catalog().await;
    fixture
}

/// The contract's fixture, and the database as other programs see it.
pub async fn fixture_and_pool() -> (Fixture, sqlx::PgPool) {
    let (database, settings) = migrated().await;
    let store = replica(&settings).await;
    let pool = store.database().pool().clone();
    (fixture_with(database, store).await, pool)
}

pub async fn fixture() -> Fixture {
    fixture_and_pool().await.0
}

whole_contract!(fixture);

#[tokio::test]
async fn no_overdue_order_is_given_to_two_sweepers() {
    let fixture = fixture().await;
    let mut placed = HashSet::new();
    for turn in 0..40 {
        let order = fixture
            .placed(fixture.customer(), &format!("k{turn}"))
            .await;
        placed.insert(order.id);
        fixture.clock.advance(Duration::from_millis(1));
    }
    fixture.clock.advance(Duration::from_hours(1));
    let now = fixture.clock_now();
    let mut given = Vec::new();
    for _ in 0..2 {
        let (one, other) = tokio::try_join!(
            fixture.store.overdue(now, 10),
            fixture.other.overdue(now, 10)
        )
        .unwrap();
        given.extend([one, other].concat());
    }
    assert_eq!(given.len(), 40);
    assert_eq!(given.into_iter().collect::<HashSet<_>>(), placed);
    assert_eq!(fixture.store.overdue(now, 10).await.unwrap(), []);
}

#[tokio::test]
async fn an_overdue_order_that_somebody_is_changing_is_passed_over_without_waiting() {
    let (fixture, pool) = fixture_and_pool().await;
    let changing = fixture.placed(fixture.customer(), "a").await.id;
    let other = fixture.placed(fixture.customer(), "b").await.id;
    fixture.clock.advance(Duration::from_hours(1));
    let mut change = pool.begin().await.unwrap();
    sqlx::query("UPDATE orders SET updated_at = updated_at WHERE id = $1")
        .bind(changing.to_string())
        .execute(&mut *change)
        .await
        .unwrap();
    let now = fixture.clock_now();
    assert_eq!(fixture.other.overdue(now, 10).await.unwrap(), [other]);
    change.rollback().await.unwrap();
    assert_eq!(fixture.other.overdue(now, 10).await.unwrap(), [changing]);
}

#[tokio::test]
async fn what_a_sweeper_that_died_had_taken_is_taken_up_the_longest_overdue_first() {
    let fixture = fixture().await;
    let first = fixture.placed(fixture.customer(), "a").await.id;
    fixture.clock.advance(Duration::from_millis(1));
    let second = fixture.placed(fixture.customer(), "b").await.id;
    fixture.clock.advance(Duration::from_hours(1));
    let overdue = async || {
        let now = fixture.clock_now();
        fixture.other.overdue(now, 10).await.unwrap()
    };
    assert_eq!(overdue().await, [first, second]);
    fixture.clock.advance(Duration::from_secs(9));
    assert_eq!(overdue().await, []);
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(overdue().await, [first, second]);
}

#[tokio::test]
async fn an_overdue_order_that_cannot_be_read_keeps_no_other_waiting() {
    let (fixture, pool) = fixture_and_pool().await;
    let spoil = async |id| {
        sqlx::query("UPDATE orders SET cancel_reason = 'of a later version' WHERE id = $1")
            .bind::<String>(id)
            .execute(&pool)
            .await
            .unwrap();
    };
    what_cannot_be_read_keeps_no_other_waiting(&fixture, spoil).await;
}

/// Order, position, sku, title, quantity, unit price, rejection.
type LineRow = (String, i64, String, String, i64, i64, Option<String>);
/// Order, position, id, carrier, tracking number, dispatched at, delivered at.
type ParcelRow = (String, i64, String, String, String, i64, Option<i64>);

#[tokio::test]
async fn the_parts_of_an_order_are_shown_as_tables() {
    let (fixture, pool) = fixture_and_pool().await;
    let order = fixture.confirmed(fixture.customer(), "k").await;
    let parcel = Dispatch {
        id: ShipmentId::at(start()),
        lines: None,
        carrier: ShipmentText::try_from("DHL").unwrap(),
        tracking_number: ShipmentText::try_from("JD 0001").unwrap(),
    };
    let told = fixture.tell(order.id, Input::Ship(parcel)).await.unwrap();
    let lines: Vec<LineRow> = sqlx::query_as("SELECT * FROM order_lines ORDER BY position")
        .fetch_all(&pool)
        .await
        .unwrap();
    let id = order.id.to_string();
    let line = |position, sku: &str, quantity, unit_price| {
        let (sku, title) = (sku.to_owned(), format!("The {sku}"));
        (id.clone(), position, sku, title, quantity, unit_price, None)
    };
    assert_eq!(lines, [line(0, "MUG", 2, 1299), line(1, "CUP", 1, 500)]);
    let parcels: Vec<ParcelRow> = sqlx::query_as(
        "SELECT order_id, position, id, carrier, tracking_number, dispatched_at, delivered_at FROM shipments",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let (parcel, left) = (told.object_id, start().unix_millis());
    let (carrier, number) = ("DHL".to_owned(), "JD 0001".to_owned());
    assert_eq!(
        parcels,
        [(id.clone(), 0, parcel.clone(), carrier, number, left, None)]
    );
    let packed: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT shipment_id, sku, quantity FROM shipment_lines ORDER BY sku")
            .fetch_all(&pool)
            .await
            .unwrap();
    let packed_line = |sku: &str, quantity| (parcel.clone(), sku.to_owned(), quantity);
    assert_eq!(packed, [packed_line("CUP", 1), packed_line("MUG", 2)]);
}
