//! A full disk: a clear error, nothing lost, and work goes on once there is room.

use sqlite_store::StoreError;

use crate::notes::{Notes, add, queued};

/// Limits the size of the file, which SQLite reports like a full disk.
async fn limit_pages(notes: &Notes, extra: i64) {
    notes
        .db
        .write(move |connection| {
            let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            let limit = pages + extra;
            connection.query_row(&format!("PRAGMA max_page_count = {limit}"), [], |_| Ok(()))?;
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn on_a_full_disk_what_was_acknowledged_is_there_and_what_failed_is_not() {
    const PADDING: usize = 10_000;
    let notes = Notes::open().await;
    limit_pages(&notes, 30).await;
    let held = notes.hold_the_writer("000").await;
    let waiting: Vec<_> = (1..=64)
        .map(|n| {
            let (db, text) = (notes.db.clone(), format!("{n:03}"));
            queued(async move { (add(&db, &text, PADDING).await, text) })
        })
        .collect();
    let mut acknowledged = Vec::new();
    let mut failed = 0;
    if held.release().await.is_ok() {
        acknowledged.push("000".to_owned());
    }
    for command in waiting {
        match command.await.unwrap() {
            (Ok(()), text) => acknowledged.push(text),
            (Err(error), _) => {
                assert!(error.is_away(), "{error:?}");
                failed += 1;
            }
        }
    }
    assert!(failed > 0, "the limit was reached");
    assert_eq!(notes.all().await, acknowledged);

    limit_pages(&notes, 1_000).await;
    add(&notes.db, "999", PADDING).await.unwrap();
    acknowledged.push("999".to_owned());
    assert_eq!(notes.all().await, acknowledged);
}
