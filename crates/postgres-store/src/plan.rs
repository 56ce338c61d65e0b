//! How statements would be carried out: with it services prove that what they ask for is found along an index.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgConnection};
use store_kit::StoreError;

use crate::Database;

const PARAMETERS: &str =
    "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'explained'";

const INDEXES: &str = "SELECT relname::text, pg_get_indexdef(indexrelid, 1, true) \
     FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid \
     WHERE relnamespace = current_schema()::regnamespace";

/// How a statement would be carried out, whatever values it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One step a line, as `EXPLAIN` writes it.
    pub lines: Vec<String>,
    /// What each index is ordered by first, by the index's name.
    ordered_by: BTreeMap<String, String>,
}

impl Plan {
    /// The steps that read a table or an index from end to end: sequential scans, and scans of an index without a condition on
    /// what it is ordered by first. A condition on what comes later in an index is looked up in all of it.
    #[must_use]
    pub fn whole_scans(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            let step = line.trim_start().trim_start_matches("->").trim_start();
            let whole = match index_of(step) {
                Some(index) => !self.begins_somewhere(index, at),
                None => step.contains("Seq Scan"),
            };
            if whole {
                found.push(step.to_owned());
            }
        }
        found
    }

    /// Whether the scan of an index in this line has a condition on what the index is ordered by first.
    fn begins_somewhere(&self, index: &str, at: usize) -> bool {
        let below = self.lines.iter().skip(at + 1);
        let mut own = below.take_while(|next| !next.trim_start().starts_with("->"));
        let condition = own.find_map(|next| next.trim_start().strip_prefix("Index Cond: "));
        let (Some(condition), Some(first)) = (condition, self.ordered_by.get(index)) else {
            return false;
        };
        // `(a = $1)`, `((a = $1) AND (b > $2))`, `(ROW(a, b) > ROW($1, $2))`: the index's own columns stand on the left.
        [format!("({first} "), format!("(ROW({first},")]
            .iter()
            .any(|own| condition.contains(own))
    }
}

/// The index that a step scans: `Index Scan using I on T`, `Index Scan Backward using I on T`, `Bitmap Index Scan on I`.
fn index_of(step: &str) -> Option<&str> {
    let step = step.strip_prefix("Parallel ").unwrap_or(step);
    let rest = match step.strip_prefix("Bitmap Index Scan on ") {
        Some(rest) => rest,
        None if step.starts_with("Index") => step.split_once(" using ")?.1,
        None => return None,
    };
    rest.split(' ').next()
}

/// Sequential scans are so expensive that one remains only where no index serves, however few rows there are.
const PREFER_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;";
/// What the planner would do if it were free to read whole tables, as connections for commands are not: a proof that an
/// index is better must not rest on that.
const FREE: &str = "SET LOCAL enable_seqscan = on;";

impl Database {
    /// How a statement would be carried out along indexes, where there are any that serve. Preparing it checks every name and
    /// type in it. For tests.
    pub async fn query_plan(&self, sql: &str) -> Result<Plan, StoreError> {
        self.plan(PREFER_INDEXES, sql).await
    }

    /// How a statement would be carried out on the rows that are there now, as far as `ANALYZE` knows them, by a planner that
    /// may read whole tables. For tests.
    pub async fn likely_plan(&self, sql: &str) -> Result<Plan, StoreError> {
        self.plan(FREE, sql).await
    }

    async fn plan(&self, preferring: &str, sql: &str) -> Result<Plan, StoreError> {
        self.bounded(async {
            let mut transaction = self.pool.begin().await?;
            let lines = explain(&mut transaction, preferring, sql).await?;
            let ordered_by: Vec<(String, String)> =
                sqlx::query_as(INDEXES).fetch_all(&mut *transaction).await?;
            transaction.rollback().await?;
            let ordered_by = ordered_by.into_iter().collect();
            Ok(Plan { lines, ordered_by })
        })
        .await
    }
}

/// The generic plan: the one for whatever values. A rolled back transaction keeps its prepared statements, so this one is
/// given up by name.
async fn explain(
    connection: &mut PgConnection,
    preferring: &str,
    sql: &str,
) -> sqlx::Result<Vec<String>> {
    let prepare = format!(
        "SET LOCAL plan_cache_mode = force_generic_plan; {preferring} PREPARE explained AS {sql}"
    );
    run(connection, prepare).await?;
    let parameters: i32 = sqlx::query_scalar(PARAMETERS)
        .fetch_one(&mut *connection)
        .await?;
    let values: Vec<_> = (0..parameters).map(|_| "NULL").collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!("({})", values.join(", "))
    };
    let explain = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) EXECUTE explained{values}"));
    let lines = sqlx::query_scalar(explain)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await?;
    run(connection, "DEALLOCATE explained".to_owned()).await?;
    Ok(lines)
}

async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
