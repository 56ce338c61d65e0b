//! The SQLite store keeps the contract, and what it promised survives.

use std::path::Path;
use std::sync::Arc;

use contracts::ManualClock;
use messaging::sqlite::SqliteMessages;
use product::store::sqlite::SqliteStore;
use product::store::{Name, ProductStore as _};

use crate::contract::{Fixture, RULES, start, whole_contract};

/// The URL of a file.
pub fn url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// An empty store in a folder of its own.
pub async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("product.db");
    let store = SqliteStore::open(&path, RULES).await.unwrap();
    let messages = SqliteMessages::open(store.database().clone()).await;
    Fixture {
        store: Arc::new(store),
        outbox: Arc::new(messages.unwrap()),
        clock: ManualClock::at(start()),
        folder,
    }
}

whole_contract!(fixture);

#[tokio::test]
async fn products_and_holds_are_there_after_the_file_is_opened_again() {
    let fixture = fixture().await;
    let mug = fixture.product("MUG", 10).await;
    let id = fixture.place(&[("MUG", 4)]).await;
    let path = fixture.folder.path().join("product.db");
    let reopened = SqliteStore::open(&path, RULES).await.unwrap();
    let name = Name::Id(mug.product.id);
    assert_eq!(reopened.product(name).await.unwrap(), Some(mug));
    fixture.confirm(id).await;
    assert_eq!(fixture.counts("MUG").await, (6, 0, 4));
}
