//! A small schema and its store for the tests.

use postgres_store::{Database, Migration, Schema, idempotency, store_error};
use service_kit::settings::StoreSettings;
use sqlx::PgConnection;
use store_kit::StoreError;
use testkit::isolated::{PostgresDatabase, postgres_database};

pub static SCHEMA: Schema = Schema {
    service: "notes",
    migrations: &[
        Migration {
            version: 1,
            name: "notes",
            work: "CREATE TABLE notes (id TEXT PRIMARY KEY, count INTEGER NOT NULL CHECK (count >= 0));
                   CREATE INDEX notes_by_count ON notes (count);",
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: idempotency::SCHEMA_SQL,
            min_binary: 1,
        },
    ],
};

const PUT: &str = "INSERT INTO notes (id, count) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET count = excluded.count";
const ADD: &str = "UPDATE notes SET count = count + $2 WHERE id = $1";
const ALL: &str = "SELECT id, count FROM notes ORDER BY id";

/// Why a command failed, as a service says it: the store's error stands deeper in.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("a rule was broken")]
    Rule,
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

#[derive(Debug, thiserror::Error)]
#[error("the store failed")]
pub struct StoreFailure(#[source] pub StoreError);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(StoreFailure(error))
    }
}

impl Failure {
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Store(StoreFailure(error)) if error.is_away())
    }
}

pub fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        ..StoreSettings::default()
    }
}

/// Settings under which nothing takes more than six seconds.
pub fn impatient(url: &str) -> StoreSettings {
    let mut settings = settings(url);
    settings.pool.wait_ms = 3_000;
    settings.pool.statement_ms = 3_000;
    settings
}

/// A migrated store. The database goes when `place` is dropped.
pub struct Store {
    pub db: Database,
    pub place: PostgresDatabase,
}

pub async fn store() -> Store {
    let place = postgres_database().await.unwrap();
    let settings = settings(place.url());
    Database::migrate(&settings, &SCHEMA).await.unwrap();
    let db = Database::open(&settings, &SCHEMA).await.unwrap();
    Store { db, place }
}

pub async fn put(connection: &mut PgConnection, id: &str, count: i32) -> Result<(), StoreError> {
    let put = sqlx::query(PUT).bind(id).bind(count);
    put.execute(connection).await.map_err(store_error)?;
    Ok(())
}

/// Adds to a note: takes its row's lock.
pub async fn add(connection: &mut PgConnection, id: &str, count: i32) -> Result<(), StoreError> {
    let add = sqlx::query(ADD).bind(id).bind(count);
    add.execute(connection).await.map_err(store_error)?;
    Ok(())
}

/// Puts a note in a transaction of its own.
pub async fn keep(db: &Database, id: &str, count: i32) -> Result<(), Failure> {
    db.transact(&(id, count), |connection, (id, count)| {
        Box::pin(async move { Ok(put(connection, id, *count).await?) })
    })
    .await
}

pub async fn all(db: &Database) -> Vec<(String, i32)> {
    let asked = sqlx::query_as(ALL).fetch_all(db.pool());
    db.bounded(asked).await.unwrap()
}

pub fn notes(expected: &[(&str, i32)]) -> Vec<(String, i32)> {
    let notes = expected.iter();
    notes
        .map(|(id, count)| ((*id).to_owned(), *count))
        .collect()
}
