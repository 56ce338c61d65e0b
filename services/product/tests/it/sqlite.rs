//! The SQLite store keeps the contract, and what it promised survives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use product::store::sqlite::SqliteStore;
use product::store::{Name, ProductStore as _};
use rusqlite::{Connection, OpenFlags};

use crate::contract::{Fixture, RULES, start, whole_contract};
use crate::stock_model::Books;

/// The URL of a file.
pub fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// An empty store in a folder of its own.
pub async fn fixture() -> Fixture {
    in_a_file().await.0
}

/// The same, and its file.
pub async fn in_a_file() -> (Fixture, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("product.db");
    let store = SqliteStore::open(&path, RULES).await.unwrap();
    let messages = SqliteMessages::open(store.database().clone()).await;
    let fixture = Fixture {
        store: Arc::new(store),
        outbox: Arc::new(messages.unwrap()),
        clock: ManualClock::at(start()),
        _guard: Box::new(folder),
    };
    (fixture, path)
}

/// The same, and its books.
pub async fn with_books() -> (Fixture, Box<dyn Books>) {
    let (fixture, path) = in_a_file().await;
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    (fixture, Box::new(SqliteBooks(file)))
}

struct SqliteBooks(Connection);

impl SqliteBooks {
    fn row<const N: usize>(&self, sql: &str, sku: &str) -> [i64; N] {
        let mut statement = self.0.prepare_cached(sql).unwrap();
        let row = statement.query_row([sku], |row| {
            Ok(std::array::from_fn(|column| row.get(column).unwrap()))
        });
        row.unwrap()
    }
}

#[async_trait(?Send)]
impl Books for SqliteBooks {
    async fn stock(&self, sku: &str) -> [i64; 4] {
        self.row(
            "SELECT received, available, reserved, sold FROM inventory WHERE sku = ?1",
            sku,
        )
    }

    async fn lines(&self, sku: &str) -> [i64; 2] {
        self.row(
            "SELECT coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0),
                    coalesce(sum(quantity) FILTER (WHERE state = 'committed'), 0)
             FROM reservation_line JOIN reservation USING (order_id) WHERE sku = ?1",
            sku,
        )
    }

    async fn states(&self) -> BTreeMap<String, String> {
        let sql = "SELECT order_id, state FROM reservation";
        let mut statement = self.0.prepare_cached(sql).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }
}

whole_contract!(fixture);

#[tokio::test]
async fn products_and_holds_are_there_after_the_file_is_opened_again() {
    let (fixture, path) = in_a_file().await;
    let mug = fixture.product("MUG", 10).await;
    let id = fixture.place(&[("MUG", 4)]).await;
    let reopened = SqliteStore::open(&path, RULES).await.unwrap();
    let name = Name::Id(mug.product.id);
    assert_eq!(reopened.product(name).await.unwrap(), Some(mug));
    fixture.confirm(id).await;
    assert_eq!(fixture.counts("MUG").await, (6, 0, 4));
}
