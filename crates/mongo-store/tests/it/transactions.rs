//! All or nothing, one after the other, and not for ever.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::{Database, Transaction, is_duplicate_key};
use store_kit::{StoreError, StoreHandle as _};

use crate::notes::{NOTES, Notes, Refused, SCHEMA, settings, write, write_one};

#[tokio::test]
async fn a_command_that_refuses_leaves_nothing_behind() {
    let notes = Notes::open().await;
    let refused = notes.db.transact(&(), |tx, ()| {
        async move {
            write(tx, "one").await?;
            write(tx, "two").await?;
            Err::<(), _>(Refused::Enough)
        }
        .boxed()
    });
    assert!(matches!(refused.await, Err(Refused::Enough)));
    assert_eq!(notes.texts().await, Vec::<String>::new());
    write_one(&notes.db, "three").await.unwrap();
    assert_eq!(notes.texts().await, ["three"]);
}

#[tokio::test]
async fn a_command_sees_what_it_wrote_and_nobody_else_does_until_it_is_done() {
    let notes = Notes::open().await;
    let other = notes.db.clone();
    let seen = notes.db.transact(&other, |tx, other| {
        async move {
            write(tx, "mine").await?;
            let inside: Vec<Document> = tx.find(NOTES, doc! {}, None).await?;
            let outside = crate::notes::texts(other).await;
            Ok::<_, StoreError>((inside.len(), outside.len()))
        }
        .boxed()
    });
    assert_eq!(seen.await.unwrap(), (1, 0));
    assert_eq!(notes.texts().await, ["mine"]);
}

async fn count_up(tx: &mut Transaction, runs: &AtomicU32) -> Result<(), StoreError> {
    runs.fetch_add(1, Ordering::Relaxed);
    let found: Option<Document> = tx.find_one(NOTES, doc! { "_id": "hot" }, None).await?;
    let count = found.map_or(0, |note| note.get_i64("count").unwrap());
    tx.upsert(
        NOTES,
        doc! { "_id": "hot" },
        doc! { "$set": { "count": count + 1, "text": "hot" } },
    )
    .await?;
    Ok(())
}

async fn count(db: &Database) -> i64 {
    let notes = db.collection::<Document>(NOTES);
    let hot = db.run(notes.find_one(doc! { "_id": "hot" })).await.unwrap();
    hot.map_or(0, |note| note.get_i64("count").unwrap())
}

#[tokio::test]
async fn of_many_commands_that_change_one_document_none_is_lost() {
    let notes = Notes::open().await;
    let mut patient = settings(notes.isolated.url());
    patient.pool.statement_ms = 60_000;
    let open = async || Database::open(&patient, &SCHEMA).await.unwrap();
    let (first, second) = (open().await, open().await);
    let runs = AtomicU32::new(0);
    let begun = tokio::time::Instant::now();
    let commands = (0..40).map(|n| {
        let db = if n % 2 == 0 { &first } else { &second };
        db.transact(&runs, |tx, runs| count_up(tx, runs).boxed())
    });
    for done in join_all(commands).await {
        done.unwrap();
    }
    let quarters = begun.elapsed().as_millis() / 250;
    assert_eq!(count(&notes.db).await, 40);
    let runs = runs.into_inner();
    // Ever longer waits take those who met apart: nine last half a second, and every further one a quarter or more.
    let most = 40 * (9 + quarters);
    assert!(
        u128::from(runs) < most,
        "{runs} runs, not below {most}: a storm"
    );
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_command_that_never_gets_through_gives_up_in_time_and_may_be_sent_again() {
    let notes = Notes::open().await;
    let mut impatient = settings(notes.isolated.url());
    // Less than the five seconds after which the transaction in its way would count as abandoned.
    impatient.pool.statement_ms = 3_000;
    let impatient = Database::open(&impatient, &crate::notes::SCHEMA)
        .await
        .unwrap();
    let runs = AtomicU32::new(0);
    let input = (&impatient, &runs);
    let refused = notes.db.transact(&input, |tx, (other, runs)| {
        async move {
            // This transaction holds the document until the other command has given up.
            count_up(tx, &AtomicU32::new(0)).await?;
            let started = tokio::time::Instant::now();
            let refused = other
                .transact(*runs, |tx, runs| count_up(tx, runs).boxed())
                .await;
            Ok::<_, StoreError>((refused, started.elapsed()))
        }
        .boxed()
    });
    let (refused, waited) = refused.await.unwrap();
    assert!(refused.unwrap_err().is_away());
    // As settings are by default, ten seconds and more.
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    let tries = runs.load(Ordering::Relaxed);
    assert!((2..100).contains(&tries), "{tries} tries");
    assert_eq!(count(&notes.db).await, 1);
    impatient.close().await;
}

#[tokio::test]
async fn what_an_index_or_a_validator_refuses_is_not_tried_again() {
    let notes = Notes::open().await;
    write_one(&notes.db, "Ada's secret").await.unwrap();
    let refused = write_one(&notes.db, "Ada's secret").await.unwrap_err();
    assert!(!refused.is_away() && is_duplicate_key(&refused));
    let said = format!("{:#}", std::error::Error::source(&refused).unwrap());
    assert_eq!(said, "MongoDB refused to write (code 11000)");

    let runs = AtomicU32::new(0);
    let negative = notes.db.transact(&runs, |tx, runs| {
        async move {
            runs.fetch_add(1, Ordering::Relaxed);
            tx.insert(NOTES, &[doc! { "text": "n", "count": -1_i64 }])
                .await
        }
        .boxed()
    });
    let refused = negative.await.unwrap_err();
    assert!(!refused.is_away() && !is_duplicate_key(&refused));
    assert_eq!(runs.into_inner(), 1);
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let notes = Notes::open().await;
    let closed = Database::open(&settings(notes.isolated.url()), &crate::notes::SCHEMA)
        .await
        .unwrap();
    closed.ping().await.unwrap();
    closed.close().await;
    let refused = closed.ping().await.unwrap_err();
    assert!(refused.is_away(), "{refused:?}");
    let refused = write_one(&closed, "late").await.unwrap_err();
    assert!(refused.is_away(), "{refused:?}");
    assert_eq!(notes.texts().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_command_whose_future_is_dropped_leaves_nothing_that_others_wait_for() {
    let notes = Notes::open().await;
    let started = tokio::sync::Notify::new();
    let cut_off = notes.db.transact(&started, |tx, started| {
        async move {
            count_up(tx, &AtomicU32::new(0)).await?;
            started.notify_one();
            std::future::pending::<Result<(), StoreError>>().await
        }
        .boxed()
    });
    tokio::select! {
        _ = cut_off => panic!("it waits for ever"),
        () = started.notified() => {}
    }
    let runs = AtomicU32::new(0);
    notes
        .db
        .transact(&runs, |tx, runs| count_up(tx, runs).boxed())
        .await
        .unwrap();
    assert_eq!(count(&notes.db).await, 1);
}

#[tokio::test]
async fn what_is_searched_for_or_sorted_without_an_index_is_told_also_in_transactions() {
    let notes = Notes::open().await;
    write_one(&notes.db, "a note").await.unwrap();
    notes.db.watch_plans().await.unwrap();
    let along_indexes = notes.db.transact(&(), |tx, ()| {
        async move {
            let by_text = doc! { "text": "a note" };
            tx.update_one(NOTES, by_text, doc! { "$inc": { "count": 1_i64 } })
                .await
        }
        .boxed()
    });
    along_indexes.await.unwrap();
    assert_eq!(notes.db.scans().await.unwrap(), Vec::<String>::new());
    let scanning = notes.db.transact(&(), |tx, ()| {
        async move {
            let by_count = doc! { "count": 1_i64 };
            tx.update_one(NOTES, by_count, doc! { "$inc": { "count": 1_i64 } })
                .await
        }
        .boxed()
    });
    scanning.await.unwrap();
    let all = notes.db.collection::<Document>(NOTES);
    let sorting = all.find(doc! { "text": { "$gt": "a" } });
    let sorting = notes.db.run(sorting.sort(doc! { "count": 1 })).await;
    sorting.unwrap();
    let scans = notes.db.scans().await.unwrap();
    assert_eq!(scans.len(), 1, "{scans:?}");
    let sorts = notes.db.sorts().await.unwrap();
    assert_eq!(sorts.len(), 1, "{sorts:?}");
}
