//! All or nothing, whatever happens in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use postgres_store::{Database, store_error};
use tokio::sync::Barrier;

use crate::notes::{Failure, add, all, impatient, keep, notes, put, store};

#[tokio::test]
async fn what_a_command_did_is_kept_if_it_succeeds_and_undone_if_it_fails() {
    let store = store().await;
    keep(&store.db, "kept", 1).await.unwrap();
    let failed = store
        .db
        .transact(&(), |connection, ()| {
            Box::pin(async move {
                put(connection, "undone", 1).await?;
                Err::<(), _>(Failure::Rule)
            })
        })
        .await;
    assert!(matches!(failed, Err(Failure::Rule)));
    assert_eq!(all(&store.db).await, notes(&[("kept", 1)]));
}

#[tokio::test]
async fn commands_that_wait_for_each_other_are_begun_again_and_both_succeed() {
    let store = store().await;
    for id in ["a", "b"] {
        keep(&store.db, id, 0).await.unwrap();
    }
    let (met, tries) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
    let add_both = async |first: &'static str, second: &'static str| {
        // The barrier makes both hold one lock and ask for the other, in the first try of each.
        let input = (first, second, Arc::clone(&met), Arc::clone(&tries));
        let added = store
            .db
            .transact(&input, |connection, (first, second, met, tries)| {
                Box::pin(async move {
                    add(connection, first, 1).await?;
                    if tries.fetch_add(1, Ordering::SeqCst) < 2 {
                        met.wait().await;
                    }
                    Ok::<_, Failure>(add(connection, second, 1).await?)
                })
            });
        added.await.unwrap();
    };
    tokio::join!(add_both("a", "b"), add_both("b", "a"));
    assert_eq!(all(&store.db).await, notes(&[("a", 2), ("b", 2)]));
    assert_eq!(tries.load(Ordering::SeqCst), 3, "one was begun again, once");
}

#[tokio::test]
async fn a_command_that_goes_on_after_a_statement_failed_is_refused() {
    let store = store().await;
    let swallowed = store
        .db
        .transact(&(), |connection, ()| {
            Box::pin(async move {
                put(connection, "a", 1).await?;
                let refused = put(connection, "b", -1).await;
                assert!(
                    refused.is_err_and(|error| !error.is_away()),
                    "a broken rule of the schema"
                );
                Ok::<_, Failure>(())
            })
        })
        .await;
    assert!(
        swallowed.is_err(),
        "PostgreSQL would have rolled back and said nothing"
    );
    assert_eq!(all(&store.db).await, []);
}

#[tokio::test]
async fn a_session_that_is_ended_in_the_middle_of_a_command_undoes_it_and_hurts_no_other() {
    let store = store().await;
    let ended = store
        .db
        .transact(&store.db, |connection, db| {
            Box::pin(async move {
                put(connection, "undone", 1).await?;
                let session: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                    .fetch_one(&mut *connection)
                    .await
                    .map_err(store_error)?;
                sqlx::query("SELECT pg_terminate_backend($1)")
                    .bind(session)
                    .execute(db.pool())
                    .await
                    .map_err(store_error)?;
                Ok::<_, Failure>(put(connection, "undone too", 1).await?)
            })
        })
        .await;
    assert!(ended.unwrap_err().is_away());
    assert_eq!(all(&store.db).await, []);
    keep(&store.db, "after", 1).await.unwrap();
    assert_eq!(all(&store.db).await, notes(&[("after", 1)]));
}

#[tokio::test]
async fn sessions_that_were_ended_while_nobody_used_them_are_replaced_unseen() {
    let store = store().await;
    let at_once = (0..5).map(|_| keep(&store.db, "a", 1));
    for kept in futures_util::future::join_all(at_once).await {
        kept.unwrap();
    }
    let other = crate::notes::settings(store.place.url());
    let other = Database::open(&other, &crate::notes::SCHEMA).await.unwrap();
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .execute(other.pool())
    .await
    .unwrap();
    for _ in 0..5 {
        keep(&store.db, "b", 2).await.unwrap();
    }
    assert_eq!(all(&store.db).await, notes(&[("a", 1), ("b", 2)]));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_and_its_command_undone() {
    let store = store().await;
    let hurried = impatient(store.place.url());
    let hurried = Database::open(&hurried, &crate::notes::SCHEMA)
        .await
        .unwrap();
    let late = hurried
        .transact(&(), |connection, ()| {
            Box::pin(async move {
                put(connection, "undone", 1).await?;
                sqlx::query("SELECT pg_sleep(60)")
                    .execute(connection)
                    .await
                    .map_err(store_error)?;
                Ok::<_, Failure>(())
            })
        })
        .await;
    assert!(late.unwrap_err().is_away());
    assert_eq!(all(&hurried).await, []);
}

#[tokio::test]
async fn a_command_that_finds_no_free_connection_is_refused_as_away() {
    let store = store().await;
    let mut settings = impatient(store.place.url());
    settings.pool.max = 1;
    let small = Database::open(&settings, &crate::notes::SCHEMA)
        .await
        .unwrap();
    let held = small.pool().acquire().await.unwrap();
    assert!(keep(&small, "a", 1).await.unwrap_err().is_away());
    drop(held);
    keep(&small, "a", 1).await.unwrap();
}
