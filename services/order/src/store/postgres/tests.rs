//! Every statement fits the migrated schema and finds what it asks for along an index, also among 100 000 orders.

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use testkit::isolated::{PostgresDatabase, postgres_database};
use testkit::statements::{steps, whole_scans};

use super::*;

async fn store() -> (PostgresDatabase, PostgresOrders) {
    let database = postgres_database().await.unwrap();
    let settings = StoreSettings {
        url: database.url().to_owned(),
        ..StoreSettings::default()
    };
    PostgresOrders::migrate(&settings).await.unwrap();
    let store = PostgresOrders::open(&settings, Deadlines::default()).await;
    (database, store.unwrap())
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_is_served_by_an_index() {
    let (_database, store) = store().await;
    let whole = whole_scans(statements::ALL, async |sql| {
        let plan = store.database.query_plan(sql).await.unwrap();
        plan.whole_scans()
    })
    .await;
    // Counting reads the index of orders in progress from end to end, every 15 seconds; nothing else reads anything whole.
    let count = "Index Only Scan using orders_in_progress on orders";
    assert_eq!(whole, steps(&[("COUNT_BY_STATUS", &[count])]));
}

#[test]
fn no_statement_is_written_down_elsewhere() {
    let folder = "src/store/postgres";
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    files.push(format!("{folder}.rs").into());
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for call in text.split("sqlx::query").skip(1) {
            let listed = call.starts_with("(statements::") || call.starts_with("(sql)");
            assert!(listed, "{}: sqlx::query{:.60}", file.display(), call);
        }
    }
}

/// A hundred thousand orders of ten thousand customers, nearly all long done, one in a thousand overdue.
const MANY: &str = "
INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method, due_at, created_at,
  updated_at)
SELECT nextval('order_numbers'), 'ord_' || md5(n::text), 'usr_' || md5((n % 10000)::text),
  CASE WHEN n % 1000 = 0 THEN 'pending' WHEN n % 100 = 1 THEN 'confirmed' ELSE 'delivered' END,
  1, 'EUR', 500, '[{\"sku\": \"CUP\", \"title\": \"The CUP\", \"quantity\": 1, \"unit_price\": 500}]', 'manual',
  CASE WHEN n % 1000 = 0 THEN n END, n, n
FROM generate_series(1, 100000) AS n;
INSERT INTO timeline SELECT id, 1, created_at, 'placed', NULL FROM orders;
INSERT INTO catalog SELECT 'prd_' || md5(n::text), 'SKU-' || n, 'The ' || n, 500, 'EUR', 'active', 1
FROM generate_series(1, 100000) AS n;
INSERT INTO idempotency (caller, key, fingerprint, status, object_id, created_at)
SELECT customer_id, id, 'f', 201, id, created_at FROM orders;
INSERT INTO inbox SELECT 'order.stock', id, created_at FROM orders;
ANALYZE;";

/// What a statement does when it is run with these values, as `EXPLAIN ANALYZE` tells: the tables and indexes it reads whole,
/// and how many pages of 8 kB it looks at.
async fn explained(conn: &mut PgConnection, sql: &str, values: &str) -> (Vec<String>, u64) {
    let run = format!("SET plan_cache_mode = force_generic_plan; PREPARE explained AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(run))
        .execute(&mut *conn)
        .await
        .unwrap();
    let values = match values {
        "" => String::new(),
        values => format!("({values})"),
    };
    let explain = format!(
        "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, FORMAT JSON) EXECUTE explained{values}"
    );
    let row = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    sqlx::raw_sql("DEALLOCATE explained")
        .execute(&mut *conn)
        .await
        .unwrap();
    let plan: Value = row.try_get(0).unwrap();
    let top = &plan[0]["Plan"];
    let pages =
        top["Shared Hit Blocks"].as_u64().unwrap() + top["Shared Read Blocks"].as_u64().unwrap();
    let mut scans = Vec::new();
    seq_scans(top, &mut scans);
    (scans, pages)
}

fn seq_scans(plan: &Value, found: &mut Vec<String>) {
    if plan["Node Type"] == "Seq Scan" {
        found.push(plan["Relation Name"].to_string());
    }
    for below in plan["Plans"].as_array().into_iter().flatten() {
        seq_scans(below, found);
    }
}

#[tokio::test]
async fn lists_sweeps_and_steps_stay_cheap_among_a_hundred_thousand_orders() {
    let (_database, store) = store().await;
    let mut conn = store.database.pool().acquire().await.unwrap();
    sqlx::raw_sql("SET statement_timeout = 0")
        .execute(&mut *conn)
        .await
        .unwrap();
    sqlx::raw_sql(MANY).execute(&mut *conn).await.unwrap();
    let customer = "'usr_' || md5('7')";
    let one = |value: &str| match value {
        "NULL" => "'{NULL}'".to_owned(),
        value => format!("ARRAY[{value}]"),
    };
    let step = [
        "'ord_' || md5('3000')",
        "'pending'",
        "1",
        "3000",
        "0",
        "'confirmed'",
        "2",
        "NULL",
        "NULL",
        "0",
        "9",
        "NULL",
        "NULL",
        "9",
        "'confirmed'",
        "NULL",
        "'a message'",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "NULL",
        "9",
    ];
    let no_event = "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'";
    let step = step.map(one).join(", ");
    let change = format!("{step}, {no_event}, 'order.stock', 0");
    let mut costly = Vec::new();
    for (sql, values, most_pages) in [
        (statements::LIST, "50000, 21".to_owned(), 30),
        (
            statements::LIST_OF_CUSTOMER,
            format!("50000, 21, {customer}"),
            60,
        ),
        (
            statements::LIST_IN_STATUS,
            "50000, 21, 'pending'".to_owned(),
            60,
        ),
        (
            statements::LIST_OF_CUSTOMER_IN_STATUS,
            format!("50000, 21, {customer}, 'delivered'"),
            60,
        ),
        (
            statements::CLAIM_OVERDUE,
            "100000, 21, 200000".to_owned(),
            800,
        ),
        (
            statements::QUOTE,
            "1, ARRAY[1, 1, 1], ARRAY['SKU-7', 'SKU-99999', 'NO']".to_owned(),
            40,
        ),
        (statements::ORDER, "'ord_' || md5('7'), NULL".to_owned(), 10),
        (
            statements::TIMELINE,
            format!("'ord_' || md5('7'), {customer}"),
            15,
        ),
        (
            statements::BEFORE,
            format!(
                "ARRAY['ord_' || md5('7')], '{{NULL}}', ARRAY[{customer}], '{{a key}}', '{{a message}}', 'order.stock'"
            ),
            30,
        ),
        (
            statements::PLACED_BEFORE,
            format!("{customer}, 'ord_' || md5('7')"),
            20,
        ),
        (statements::CHANGE, change, 120),
        (statements::COUNT_BY_STATUS, String::new(), 1_500),
    ] {
        let (scans, pages) = explained(&mut conn, sql, &values).await;
        if !scans.is_empty() || pages > most_pages {
            costly.push(format!(
                "{pages} pages, whole {scans:?}, for {values}: {sql}"
            ));
        }
    }
    assert_eq!(costly, [""; 0]);
}
