//! A COMMIT that fails: everybody in the transaction is told, and nothing of it stays.

use sqlite_store::StoreError;

use crate::notes::{Notes, add, queued};

#[tokio::test]
async fn if_the_commit_fails_every_command_of_the_group_fails_and_the_next_group_works() {
    let notes = Notes::open().await;
    let held = notes.hold_the_writer("first").await;
    let (good, dangling) = (notes.db.clone(), notes.db.clone());
    let good = queued(async move { add(&good, "good", 0).await });
    // SQLite checks a deferred reference at COMMIT, which therefore fails.
    let dangling = queued(async move {
        dangling
            .write(|connection| {
                connection.execute("INSERT INTO answer (to_note) VALUES ('nobody')", [])?;
                Ok::<_, StoreError>(())
            })
            .await
    });
    let results = [
        held.release().await,
        good.await.unwrap(),
        dangling.await.unwrap(),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Commit(_)), "{error:?}");
        assert!(
            error.is_away(),
            "a neighbour cannot know whose fault it was: it may try again"
        );
    }
    assert_eq!(notes.all().await, Vec::<String>::new());

    notes.add("next").await.unwrap();
    assert_eq!(notes.all().await, ["next"]);
}

#[tokio::test]
async fn what_was_refused_because_of_a_neighbour_that_was_undone_may_be_tried_again() {
    let notes = Notes::open().await;
    let held = notes.hold_the_writer("taken").await;
    let (refused, dangling) = (notes.db.clone(), notes.db.clone());
    let refused = queued(async move {
        refused
            .write(|connection| {
                let taken: bool = connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM note WHERE text = 'taken')",
                    [],
                    |row| row.get(0),
                )?;
                assert!(taken, "it sees what its neighbour did");
                Err::<(), _>(StoreError::Unexpected("the note is taken".to_owned()))
            })
            .await
    });
    let dangling = queued(async move {
        dangling
            .write(|connection| {
                connection.execute("INSERT INTO answer (to_note) VALUES ('nobody')", [])?;
                Ok::<_, StoreError>(())
            })
            .await
    });
    held.release().await.unwrap_err();
    dangling.await.unwrap().unwrap_err();
    let error = refused.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Commit(_)), "{error:?}");
    assert_eq!(notes.all().await, Vec::<String>::new());
}
