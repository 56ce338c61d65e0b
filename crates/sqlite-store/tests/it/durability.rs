//! What was acknowledged is there after the process is gone.

use sqlite_store::{Database, StoreError};

use crate::notes::{Notes, SCHEMA, add, all, queued};

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let notes = Notes::open().await;
    for n in 0..10 {
        notes.add(&format!("note {n}")).await.unwrap();
    }
    // The files as they are at this moment are what a killed process leaves behind.
    let crashed = tempfile::tempdir().unwrap();
    for file in ["notes.db", "notes.db-wal"] {
        std::fs::copy(notes.folder.path().join(file), crashed.path().join(file)).unwrap();
    }
    let db = Database::open(&crashed.path().join("notes.db"), &SCHEMA)
        .await
        .unwrap();
    let expected: Vec<String> = (0..10).map(|n| format!("note {n}")).collect();
    assert_eq!(all(&db).await, expected);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let notes = Notes::open().await;
    notes.add("committed").await.unwrap();
    let (folder, crashed) = (notes.folder.path().to_owned(), tempfile::tempdir().unwrap());
    let copy = crashed.path().to_owned();
    notes
        .db
        .write(move |connection| {
            connection.execute("INSERT INTO note (text) VALUES ('open')", [])?;
            connection.cache_flush()?;
            for file in ["notes.db", "notes.db-wal"] {
                std::fs::copy(folder.join(file), copy.join(file)).unwrap();
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    let db = Database::open(&crashed.path().join("notes.db"), &SCHEMA)
        .await
        .unwrap();
    assert_eq!(all(&db).await, ["committed"]);
}

#[tokio::test]
async fn closing_finishes_what_waits_then_refuses_and_leaves_one_file() {
    let notes = Notes::open().await;
    let held = notes.hold_the_writer("first").await;
    let db = notes.db.clone();
    let waiting = queued(async move { add(&db, "waiting", 0).await });
    let db = notes.db.clone();
    let closing = queued(async move { db.close().await });
    held.release().await.unwrap();
    waiting.await.unwrap().unwrap();
    closing.await.unwrap();

    assert!(matches!(notes.add("late").await, Err(StoreError::Closed)));
    assert!(matches!(notes.db.ping().await, Err(StoreError::Closed)));
    assert!(matches!(
        notes.db.clone().ping().await,
        Err(StoreError::Closed)
    ));
    let files: Vec<_> = std::fs::read_dir(notes.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files, ["notes.db"]);

    let db = Database::open(&notes.path(), &SCHEMA).await.unwrap();
    assert_eq!(all(&db).await, ["first", "waiting"]);
}

#[tokio::test]
async fn dropping_the_last_clone_loses_nothing() {
    let notes = Notes::open().await;
    notes.add("kept").await.unwrap();
    let (folder, last) = (notes.folder, notes.db);
    drop(last);
    let db = Database::open(&folder.path().join("notes.db"), &SCHEMA)
        .await
        .unwrap();
    assert_eq!(all(&db).await, ["kept"]);
}
