//! Commands: all or nothing each, and one COMMIT for all that wait.

use std::path::Path;

use sqlite_store::StoreError;

use crate::notes::{Notes, add, queued};

#[tokio::test]
async fn commands_that_wait_share_one_commit_and_all_of_them_are_applied() {
    let notes = Notes::open().await;
    let before = commits(&notes.path());
    let held = notes.hold_the_writer("first").await;
    let waiting: Vec<_> = (0..64)
        .map(|n| {
            let db = notes.db.clone();
            queued(async move { add(&db, &format!("note {n:02}"), 0).await })
        })
        .collect();
    held.release().await.unwrap();
    for command in waiting {
        command.await.unwrap().unwrap();
    }
    assert_eq!(commits(&notes.path()) - before, 1);
    let expected: Vec<String> = std::iter::once("first".to_owned())
        .chain((0..64).map(|n| format!("note {n:02}")))
        .collect();
    assert_eq!(notes.all().await, expected);
}

#[tokio::test]
async fn a_failing_and_a_panicking_command_undo_themselves_and_nobody_else() {
    let notes = Notes::open().await;
    let held = notes.hold_the_writer("first").await;
    let (failing, panicking, after) = (notes.db.clone(), notes.db.clone(), notes.db.clone());
    let failing = queued(async move {
        failing
            .write(|connection| {
                connection.execute("INSERT INTO note (text) VALUES ('failed')", [])?;
                Err::<(), _>(StoreError::Unexpected("a wrong value".to_owned()))
            })
            .await
    });
    let panicking = queued(async move {
        panicking
            .write(|connection| -> Result<(), StoreError> {
                connection.execute("INSERT INTO note (text) VALUES ('panicked')", [])?;
                panic!("a bug in a command")
            })
            .await
    });
    let after = queued(async move { add(&after, "last", 0).await });
    held.release().await.unwrap();
    assert!(
        matches!(failing.await.unwrap(), Err(StoreError::Unexpected(what)) if what == "a wrong value")
    );
    assert!(matches!(
        panicking.await.unwrap(),
        Err(StoreError::Panicked)
    ));
    after.await.unwrap().unwrap();
    assert_eq!(notes.all().await, ["first", "last"]);
}

#[tokio::test]
async fn a_refused_statement_says_so_and_leaves_the_store_usable() {
    let notes = Notes::open().await;
    notes.add("twice").await.unwrap();
    let error = notes.add("twice").await.unwrap_err();
    assert!(
        error.is_constraint_violation() && !error.is_away(),
        "{error:?}"
    );
    notes.add("another").await.unwrap();
    assert_eq!(notes.all().await, ["another", "twice"]);
}

#[tokio::test]
async fn a_command_whose_caller_went_away_is_applied_all_the_same() {
    let notes = Notes::open().await;
    let held = notes.hold_the_writer("first").await;
    let db = notes.db.clone();
    let abandoned = queued(async move { add(&db, "abandoned", 0).await });
    abandoned.abort();
    assert!(abandoned.await.unwrap_err().is_cancelled());
    held.release().await.unwrap();
    notes.add("next").await.unwrap();
    assert_eq!(notes.all().await, ["abandoned", "first", "next"]);
}

/// Counts the commits in a write-ahead log: the frames that carry the size of the database after them
/// (<https://sqlite.org/fileformat2.html#walformat>).
fn commits(database: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    let page_size = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    log[HEADER..]
        .chunks_exact(FRAME_HEADER + page_size)
        .filter(|frame| frame[8..16] == log[16..24] && frame[4..8] != [0; 4])
        .count()
}
