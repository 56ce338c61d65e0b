//! Queries beside the writer.

use rusqlite::StatementStatus;
use sqlite_store::StoreError;

use crate::notes::Notes;

#[tokio::test]
async fn a_query_sees_what_is_committed_while_a_command_is_under_way() {
    let notes = Notes::open().await;
    notes.add("committed").await.unwrap();
    let held = notes.hold_the_writer("under way").await;
    assert_eq!(notes.all().await, ["committed"]);
    held.release().await.unwrap();
    assert_eq!(notes.all().await, ["committed", "under way"]);
}

#[tokio::test]
async fn a_query_cannot_write() {
    let notes = Notes::open().await;
    let refused = notes
        .db
        .read(|connection| {
            connection.execute("INSERT INTO note (text) VALUES ('sneaked in')", [])?;
            Ok::<_, StoreError>(())
        })
        .await;
    assert!(
        matches!(refused, Err(StoreError::Statement(_))),
        "{refused:?}"
    );
    assert_eq!(notes.all().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_panicking_query_gives_its_connection_back() {
    let notes = Notes::open().await;
    notes.add("kept").await.unwrap();
    for _ in 0..10 {
        let panicked = notes
            .db
            .read(|_| -> Result<(), StoreError> { panic!("a bug in a query") })
            .await;
        assert!(matches!(panicked, Err(StoreError::Panicked)));
    }
    assert_eq!(notes.all().await, ["kept"]);
}

#[tokio::test]
async fn more_queries_than_connections_take_turns() {
    let notes = Notes::open().await;
    notes.add("kept").await.unwrap();
    let queries = (0..100).map(|_| {
        let db = notes.db.clone();
        tokio::task::spawn(async move { db.ping().await })
    });
    for query in queries.collect::<Vec<_>>() {
        query.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_statement_is_planned_once_whatever_its_limit() {
    let notes = Notes::open().await;
    notes.add("first").await.unwrap();
    let planned_again = notes
        .db
        .read(|connection| {
            let mut list = connection.prepare("SELECT text FROM note ORDER BY text LIMIT ?1")?;
            for limit in [1, 2, 3] {
                list.query_row([limit], |_| Ok(()))?;
            }
            Ok::<_, StoreError>(list.get_status(StatementStatus::RePrepare))
        })
        .await;
    assert_eq!(planned_again.unwrap(), 0);
}
