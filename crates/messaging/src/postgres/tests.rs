//! Every statement fits the schema, and reads along an index what it looks for.

use postgres_store::{Database, Migration, Schema};
use service_kit::settings::StoreSettings;
use testkit::isolated::{PostgresDatabase, postgres_database};
use testkit::statements::{steps, whole_scans};

use super::{SCHEMA_SQL, statements};

static SCHEMA: Schema = Schema {
    service: "test",
    migrations: &[Migration {
        version: 1,
        name: "messaging",
        work: SCHEMA_SQL,
        min_binary: 1,
    }],
};

/// What reads an index from end to end, and why that is right: each of these indexes holds only what the statement is about.
const WHOLE: &[(&str, &[&str])] = &[
    // The oldest of what is unpublished: the index holds nothing else, and reading ends at the limit.
    (
        "CLAIM",
        &["Index Scan using outbox_pending on outbox outbox_1"],
    ),
    // Counts what waits, and looks at the oldest.
    (
        "OUTBOX_STATS",
        &[
            "Index Only Scan using outbox_pending on outbox",
            "Index Scan using outbox_pending on outbox outbox_1",
        ],
    ),
    (
        "DEFERRED_STATS",
        &[
            "Index Only Scan using deferred_due on deferred",
            "Index Only Scan using deferred_parked on deferred deferred_1",
        ],
    ),
];

/// The same with many rows.
const WHOLE_OF_MANY: &[(&str, &[&str])] = &[
    WHOLE[0],
    WHOLE[1],
    // As long as every second row is parked, an index is no help for counting them.
    (
        "DEFERRED_STATS",
        &[
            "Index Only Scan using deferred_due on deferred",
            "Seq Scan on deferred deferred_1",
        ],
    ),
];

/// Many rows, made by the server itself: plans depend on how much there is.
const FILL: &str = "
    INSERT INTO outbox (id, type, producer, correlation_id, aggregate_version, occurred_at, body, published_at)
      SELECT 'evt_' || n, 'order.placed.v1', 'order', 'ord_' || n, 1, n, '{}', CASE WHEN n % 100 > 0 THEN n END
      FROM generate_series(1, 100000) AS n;
    INSERT INTO inbox (consumer, message_id, received_at)
      SELECT 'order.stock', 'evt_' || n, n FROM generate_series(1, 100000) AS n;
    INSERT INTO deferred (id, queue, type, producer, correlation_id, aggregate_version, occurred_at, body, attempts, reason,
      next_at, parked_at)
      SELECT 'evt_' || n, 'order.stock', 'stock.reserved.v1', 'product', 'ord_' || n, 1, n, '{}', 1, 'r',
        CASE WHEN n % 2 = 0 THEN n END, CASE WHEN n % 2 = 1 THEN n END
      FROM generate_series(1, 10000) AS n;
    ANALYZE;";

async fn database(place: &PostgresDatabase) -> Database {
    let settings = StoreSettings {
        url: place.url().to_owned(),
        ..StoreSettings::default()
    };
    Database::migrate(&settings, &SCHEMA).await.unwrap();
    Database::open(&settings, &SCHEMA).await.unwrap()
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_goes_along_an_index() {
    let place = postgres_database().await.unwrap();
    let db = database(&place).await;
    let whole = whole_scans(statements::ALL, async |sql| {
        db.query_plan(sql).await.unwrap().whole_scans()
    })
    .await;
    assert_eq!(whole, steps(WHOLE));
}

#[tokio::test]
async fn with_a_hundred_thousand_rows_every_statement_still_goes_along_its_index() {
    let place = postgres_database().await.unwrap();
    let db = database(&place).await;
    sqlx::raw_sql(FILL).execute(db.pool()).await.unwrap();
    let whole = whole_scans(statements::ALL, async |sql| {
        db.likely_plan(sql).await.unwrap().whole_scans()
    })
    .await;
    assert_eq!(whole, steps(WHOLE_OF_MANY));
}

#[test]
fn no_statement_stands_outside_the_list() {
    let folder = "src/postgres";
    let spelled_out: Vec<_> = testkit::statements::spelled_out_in(folder).unwrap();
    let spelled_out: Vec<_> = spelled_out
        .iter()
        .filter(|place| !place.contains("/tests.rs:"))
        .collect();
    assert_eq!(spelled_out, [""; 0]);
}
