//! A database of PostgreSQL.

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{Column as _, PgConnection, PgPool, Row as _, TypeInfo as _, ValueRef as _};

use super::sql::{Cell, Query, Row};
use super::tables::{MESSAGES, Store};

/// A service's database.
#[derive(Clone)]
pub(in crate::checker) struct Postgres {
    pool: PgPool,
}

impl Postgres {
    pub(in crate::checker) fn new(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(url)?;
        Ok(Self { pool })
    }

    /// Everything as it was at one moment; none if it was not migrated yet.
    pub(in crate::checker) async fn load<S: Store>(&self) -> Result<Option<S>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let mut tx = self.pool.begin_with(begin).await?;
        let migrated = "SELECT to_regclass('outbox') IS NOT NULL";
        if !sqlx::query_scalar::<_, bool>(migrated)
            .fetch_one(&mut *tx)
            .await?
        {
            return Ok(None);
        }
        let mut store = S::default();
        read(&mut tx, S::QUERIES, &mut store).await?;
        read(&mut tx, MESSAGES, store.messages()).await?;
        Ok(Some(store))
    }

    pub(in crate::checker) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

async fn read<T>(connection: &mut PgConnection, queries: &[Query<T>], into: &mut T) -> Result<()> {
    for query in queries {
        let mut rows = sqlx::query(query.sql).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            cells(&row)
                .and_then(|row| (query.take)(into, row))
                .with_context(|| format!("cannot read: {}", query.sql))?;
        }
    }
    Ok(())
}

fn cells(row: &PgRow) -> Result<Row> {
    let cells = row.columns().iter().map(|column| {
        let at = column.ordinal();
        Ok(if row.try_get_raw(at)?.is_null() {
            Cell::Null
        } else {
            match column.type_info().name() {
                "INT8" => Cell::Number(row.try_get(at)?),
                "INT4" => Cell::Number(row.try_get::<i32, _>(at)?.into()),
                _ => Cell::Text(row.try_get(at)?),
            }
        })
    });
    let cells: Result<Vec<Cell>> = cells.collect();
    Ok(Row::new(cells?))
}
