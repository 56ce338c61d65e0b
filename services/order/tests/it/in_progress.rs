//! Each store has the states of orders in progress written down in SQL, where an index must have them: they are those of the
//! domain.

use std::collections::{BTreeMap, BTreeSet};

use contracts::events::order::OrderStatus;
use order::domain;
use sqlx::AssertSqlSafe;

use crate::contract::Fixture;

type States = BTreeSet<String>;

fn in_progress() -> States {
    let states = domain::in_progress().map(OrderStatus::as_str);
    states.map(str::to_owned).collect()
}

/// What a store that has one order in each state counts, and which of these orders each index with a condition on the state holds.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    counted: BTreeMap<String, u64>,
    indexed: BTreeMap<String, States>,
}

impl Found {
    async fn new(fixture: &Fixture, indexed: BTreeMap<String, States>) -> Self {
        let counts = fixture.store.count_by_status().await.unwrap();
        let counted = counts
            .into_iter()
            .map(|(status, count)| (status.as_str().to_owned(), count));
        Self {
            counted: counted.collect(),
            indexed,
        }
    }

    fn expected() -> Self {
        let counted = in_progress().into_iter().map(|status| (status, 1));
        Self {
            counted: counted.collect(),
            indexed: BTreeMap::from([("orders_in_progress".to_owned(), in_progress())]),
        }
    }
}

#[tokio::test]
async fn sqlite_counts_and_indexes_the_orders_in_progress_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = crate::sqlite::fixture_in(folder.path()).await;
    let file = rusqlite::Connection::open(folder.path().join("order.db")).unwrap();
    for (number, status) in OrderStatus::ALL.into_iter().enumerate() {
        let insert = |due_at: Option<i64>| {
            file.execute(
                "INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, payment_method, due_at,
                   created_at, updated_at)
                 VALUES (?1, ?2, 'ada', ?2, 1, 'EUR', 0, 'manual', ?3, 0, 0)",
                (number, status.as_str(), due_at),
            )
        };
        // Some states must have a deadline, the others must not.
        insert(None).or_else(|_| insert(Some(0))).unwrap();
    }
    let mut conditions = file
        .prepare(
            "SELECT name, substr(sql, instr(sql, ' WHERE ') + 7) AS condition FROM sqlite_schema
             WHERE type = 'index' AND tbl_name = 'orders' AND instr(sql, ' WHERE ') > 0 AND condition LIKE '%status%'",
        )
        .unwrap();
    let conditions = conditions.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let mut indexed = BTreeMap::new();
    for found in conditions.unwrap() {
        let (name, condition): (String, String) = found.unwrap();
        let held = format!("SELECT status FROM orders WHERE {condition}");
        let mut held = file.prepare(&held).unwrap();
        let held = held.query_map([], |row| row.get(0)).unwrap();
        indexed.insert(name, held.collect::<Result<_, _>>().unwrap());
    }
    assert_eq!(Found::new(&fixture, indexed).await, Found::expected());
}

#[tokio::test]
async fn postgresql_counts_and_indexes_the_orders_in_progress_and_no_others() {
    let (fixture, pool) = crate::postgres::fixture_and_pool().await;
    for (number, status) in (0_i64..).zip(OrderStatus::ALL) {
        let insert = async |due_at: Option<i64>| {
            sqlx::query(
                "INSERT INTO orders (sequence, id, customer_id, status, version, currency, total, lines, payment_method, due_at,
                   created_at, updated_at)
                 VALUES ($1, $2, 'ada', $2, 1, 'EUR', 0, '[]', 'manual', $3, 0, 0)",
            )
            .bind(number)
            .bind(status.as_str())
            .bind(due_at)
            .execute(&pool)
            .await
        };
        // Some states must have a deadline, the others must not.
        if insert(None).await.is_err() {
            insert(Some(0)).await.unwrap();
        }
    }
    let conditions: Vec<(String, String)> = sqlx::query_as(
        "SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid) FROM pg_index
         WHERE indrelid = 'orders'::regclass AND pg_get_expr(indpred, indrelid) LIKE '%status%'",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    let mut indexed = BTreeMap::new();
    for (name, condition) in conditions {
        let held = format!("SELECT status FROM orders WHERE {condition}");
        let held: Vec<String> = sqlx::query_scalar(AssertSqlSafe(held))
            .fetch_all(&pool)
            .await
            .unwrap();
        indexed.insert(name, held.into_iter().collect());
    }
    assert_eq!(Found::new(&fixture, indexed).await, Found::expected());
}
