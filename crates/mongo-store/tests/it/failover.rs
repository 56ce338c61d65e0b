//! Members that are killed or halted while commands run.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use mongo_store::Database;
use store_kit::{StoreError, StoreHandle as _};
use testkit::servers::{Mongo, MongoOptions};
use testkit::wait;

use crate::notes::{migrated, settings, texts, write_one};

/// Commands that are sent one after the other until told to stop; the texts of those that were acknowledged.
async fn busy(db: &Database, who: &str, done: &AtomicUsize, stop: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let text = format!("{who} {}", acknowledged.len());
        // Repeated without being asked to, a note would be refused: its text is there once.
        write_one(db, &text).await.unwrap();
        acknowledged.push(text);
        done.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

async fn until_more(done: &AtomicUsize) {
    let enough = done.load(Ordering::Relaxed) + 20;
    wait::until("20 more commands", || async {
        Ok((done.load(Ordering::Relaxed) >= enough).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn commands_carry_on_when_the_primary_is_killed_and_nothing_acknowledged_is_lost() {
    let options = MongoOptions {
        members: 3,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let mut settings = settings(&mongo.url().replace("/?", "/notes?"));
    settings.pool.wait_ms = 30_000;
    settings.pool.statement_ms = 60_000;
    let db = migrated(&settings).await;
    let (done, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let faults = async {
        until_more(&done).await;
        for _ in 0..2 {
            let primary = mongo.primary().await.unwrap();
            mongo.member(primary).unwrap().kill().await.unwrap();
            until_more(&done).await;
            mongo.member(primary).unwrap().start().await.unwrap();
            until_more(&done).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (ada, bob, eve, ()) = tokio::join!(
        busy(&db, "ada", &done, &stop),
        busy(&db, "bob", &done, &stop),
        busy(&db, "eve", &done, &stop),
        faults
    );
    let mut acknowledged = [ada, bob, eve].concat();
    acknowledged.sort();
    assert_eq!(texts(&db).await, acknowledged);
    db.close().await;
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_halted_is_given_up_in_time_and_used_again_when_it_goes_on() {
    let mongo = Mongo::start().await.unwrap();
    let mut settings = settings(&mongo.url().replace("/?", "/notes?"));
    settings.pool.wait_ms = 3_000;
    settings.pool.statement_ms = 3_000;
    let db = migrated(&settings).await;
    write_one(&db, "before").await.unwrap();
    let server = mongo.member(0).unwrap();
    server.pause().await.unwrap();
    let begun = tokio::time::Instant::now();
    for refused in [write_one(&db, "meanwhile").await, db.ping().await] {
        assert!(matches!(refused, Err(StoreError::Away(_))), "{refused:?}");
    }
    let waited = begun.elapsed();
    // Six seconds each; as settings are by default, twelve.
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    server.resume().await.unwrap();
    wait::until("the store to answer again", || async {
        Ok(db.ping().await.is_ok().then_some(()))
    })
    .await
    .unwrap();
    wait::until("a command to get through", || async {
        Ok(write_one(&db, "after").await.is_ok().then_some(()))
    })
    .await
    .unwrap();
    // What was sent and not answered may have been applied, all of it or nothing.
    let texts = texts(&db).await;
    assert!(texts.contains(&"before".to_owned()) && texts.contains(&"after".to_owned()));
    db.close().await;
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_and_is_back_has_everything() {
    let mongo = Mongo::start().await.unwrap();
    let mut settings = settings(&mongo.url().replace("/?", "/notes?"));
    settings.pool.wait_ms = 30_000;
    settings.pool.statement_ms = 60_000;
    let db = migrated(&settings).await;
    let (done, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let faults = async {
        for _ in 0..3 {
            until_more(&done).await;
            let server = mongo.member(0).unwrap();
            server.kill().await.unwrap();
            server.start().await.unwrap();
        }
        until_more(&done).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (acknowledged, ()) = tokio::join!(busy(&db, "ada", &done, &stop), faults);
    let mut acknowledged = acknowledged;
    acknowledged.sort();
    assert_eq!(texts(&db).await, acknowledged);
    db.close().await;
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn while_the_server_is_gone_people_are_told_sooner_than_a_slow_statement_takes() {
    let mongo = Mongo::start().await.unwrap();
    let mut settings = settings(&mongo.url().replace("/?", "/notes?"));
    settings.pool.statement_ms = 60_000;
    let db = migrated(&settings).await;
    write_one(&db, "before").await.unwrap();
    mongo.member(0).unwrap().kill().await.unwrap();
    let begun = tokio::time::Instant::now();
    let refused = write_one(&db, "meanwhile").await;
    assert!(matches!(refused, Err(StoreError::Away(_))), "{refused:?}");
    // Twice the two seconds until the driver gives up, and what a busy machine takes; a statement has sixty.
    let waited = begun.elapsed();
    assert!(waited < Duration::from_secs(30), "{waited:?}");
    db.close().await;
    mongo.remove().await.unwrap();
}
