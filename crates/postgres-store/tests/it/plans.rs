//! Plans tell what reads a whole table.

use crate::notes::store;

#[tokio::test]
async fn a_plan_names_what_reads_a_table_or_an_index_from_end_to_end() {
    let store = store().await;
    let whole_scans = async |sql: &str| store.db.query_plan(sql).await.unwrap().whole_scans();
    assert_eq!(
        whole_scans("SELECT id FROM notes WHERE id = $1").await,
        [""; 0]
    );
    assert_eq!(
        whole_scans("UPDATE notes SET count = count + 1 WHERE id = ANY ($1)").await,
        [""; 0]
    );
    assert_eq!(
        whole_scans("SELECT count(*) FROM notes WHERE count + 1 = $1").await,
        ["Index Only Scan using notes_by_count on notes"]
    );
    assert_eq!(
        whole_scans("SELECT id FROM notes WHERE length(id) = $1").await,
        ["Index Only Scan using notes_pkey on notes"]
    );
    // Not by what the index is ordered by first: all of it is read.
    assert_eq!(
        whole_scans("SELECT caller FROM idempotency WHERE key = $1").await,
        ["Index Only Scan using idempotency_pkey on idempotency"]
    );
    assert_eq!(
        whole_scans(
            "SELECT caller FROM idempotency WHERE (caller, key) > ($1, $2) ORDER BY caller, key"
        )
        .await,
        [""; 0]
    );
    assert_eq!(
        whole_scans("SELECT caller, location FROM idempotency WHERE location = $1").await,
        ["Seq Scan on idempotency"]
    );
}

#[tokio::test]
async fn a_statement_that_does_not_fit_the_schema_has_no_plan() {
    let store = store().await;
    for sql in [
        "SELECT colour FROM notes",
        "UPDATE notes SET count = 'many'",
        "SELECT id FROM notes WHERE",
    ] {
        let error = store.db.query_plan(sql).await.unwrap_err();
        assert!(!error.is_away(), "{sql}");
    }
    store.db.query_plan("SELECT id FROM notes").await.unwrap();
}

/// Nothing was counted yet when a new shop prepares its statements.
#[tokio::test]
async fn a_statement_that_was_prepared_while_its_table_was_empty_goes_along_its_index() {
    let store = store().await;
    let mut connection = store.db.pool().acquire().await.unwrap();
    let prepare = "SET plan_cache_mode = force_generic_plan; PREPARE early AS SELECT count FROM notes WHERE id = $1";
    sqlx::raw_sql(prepare)
        .execute(&mut *connection)
        .await
        .unwrap();
    let plan: Vec<String> = sqlx::query_scalar("EXPLAIN (COSTS OFF) EXECUTE early('n')")
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let step = plan.first().unwrap().trim_start();
    assert!(step.contains("Index Scan"), "{plan:?}");
}
