//! Operations that are killed on the server: by who takes their session for abandoned, or by an administrator.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::{FutureExt as _, TryStreamExt as _};
use mongo_store::mongodb::Client;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::ReadConcern;
use store_kit::{StoreError, StoreHandle as _};
use testkit::servers::{Mongo, MongoOptions};
use testkit::wait;

use crate::notes::{NOTES, Notes, migrated, settings, texts, write, write_one};

/// Waits for the operation on the server that matches.
async fn operation(client: &Client, matching: Document) -> Document {
    wait::until("the operation", || async {
        let pipeline = [
            doc! { "$currentOp": {} },
            doc! { "$match": matching.clone() },
        ];
        let admin = client.database("admin");
        let found = admin.aggregate(pipeline).read_concern(ReadConcern::local());
        let found = found.await?;
        Ok(found.try_collect::<Vec<_>>().await?.pop())
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_command_whose_session_is_killed_while_it_works_is_carried_out_again() {
    let notes = Notes::open().await;
    write_one(&notes.db, "read slowly").await.unwrap();
    let runs = AtomicU32::new(0);
    let command = notes.db.transact(&runs, |tx, runs| {
        async move {
            write(tx, "written").await?;
            let how = match runs.fetch_add(1, Ordering::Relaxed) {
                0 => doc! { "$where": "sleep(60000) || true" },
                _ => doc! {},
            };
            let found: Vec<Document> = tx.find(NOTES, how, None).await?;
            Ok::<_, StoreError>(found.len())
        }
        .boxed()
    });
    let kill = async {
        let ns = format!("{}.{NOTES}", notes.db.mongo().name());
        let matching = doc! { "ns": ns, "command.filter.$where": { "$exists": true } };
        let found = operation(notes.db.mongo().client(), matching).await;
        let session = found.get_document("lsid").unwrap().get("id").unwrap();
        let kill = doc! { "killSessions": [{ "id": session }] };
        let admin = notes.db.mongo().client().database("admin");
        admin.run_command(kill).await.unwrap();
    };
    let (done, ()) = tokio::join!(command, kill);
    assert_eq!((done.unwrap(), runs.into_inner()), (2, 2));
    assert_eq!(notes.texts().await, ["read slowly", "written"]);
}

/// A primary stays one while the others are halted.
async fn be_patient(client: &Client) {
    let admin = client.database("admin");
    let set = admin.run_command(doc! { "replSetGetConfig": 1 });
    let mut set = set.await.unwrap().get_document("config").unwrap().clone();
    let version = set.get_i32("version").unwrap();
    set.insert("version", version + 1);
    let settings = set.get_document_mut("settings").unwrap();
    settings.insert("electionTimeoutMillis", 120_000);
    admin
        .run_command(doc! { "replSetReconfig": set })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_commit_that_is_interrupted_is_asked_for_again_and_its_command_is_not() {
    let options = MongoOptions {
        members: 3,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let primary = mongo.primary().await.unwrap();
    let settings = settings(&mongo.url().replace("/?", "/notes?"));
    let db = migrated(&settings).await;
    be_patient(db.mongo().client()).await;
    write_one(&db, "first").await.unwrap();
    let others = || (0..3).filter(|member| *member != primary);
    for member in others() {
        mongo.member(member).unwrap().pause().await.unwrap();
    }
    let runs = AtomicU32::new(0);
    let command = db.transact(&runs, |tx, runs| {
        async move {
            runs.fetch_add(1, Ordering::Relaxed);
            write(tx, "once").await
        }
        .boxed()
    });
    let interrupt = async {
        let port = mongo.port(primary).unwrap();
        let url = format!("mongodb://127.0.0.1:{port}/?directConnection=true");
        let direct = Client::with_uri_str(url).await.unwrap();
        let commit = doc! { "command.commitTransaction": 1, "active": true };
        let waiting = operation(&direct, commit.clone()).await;
        let number = waiting.get("opid").unwrap().clone();
        let kill = doc! { "killOp": 1, "op": &number };
        let admin = direct.database("admin");
        admin.run_command(kill).await.unwrap();
        let mut asked_again = commit;
        asked_again.insert("opid", doc! { "$ne": number });
        operation(&direct, asked_again).await;
        for member in others() {
            mongo.member(member).unwrap().resume().await.unwrap();
        }
    };
    let (done, ()) = tokio::join!(command, interrupt);
    done.unwrap();
    assert_eq!(runs.into_inner(), 1);
    assert_eq!(texts(&db).await, ["first", "once"]);
    db.close().await;
    mongo.remove().await.unwrap();
}
