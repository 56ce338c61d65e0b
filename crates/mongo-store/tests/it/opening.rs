//! What is refused when a store is opened, and what it says.

use futures_util::FutureExt as _;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::{Database, Schema};
use store_kit::{Applied, StoreHandle as _};
use testkit::isolated;

use crate::notes::{Notes, SCHEMA, kept_replies, notes, settings, step, story, write_one};

#[tokio::test]
async fn a_database_without_the_schema_says_what_to_run_and_then_opens() {
    let isolated = isolated::mongo_database().unwrap();
    let settings = settings(isolated.url());
    let refused = Database::open(&settings, &SCHEMA).await.unwrap_err();
    assert!(refused.may_pass());
    assert_eq!(
        story(&refused, isolated.url()),
        "the store at PLACE has schema version 0, this program needs 2; run `test migrate`"
    );
    let applied = Applied {
        version: 2,
        min_binary: 1,
    };
    for _ in 0..2 {
        let migrated = Database::migrate(&settings, &SCHEMA).await.unwrap();
        assert_eq!(migrated, applied);
    }
    Database::open(&settings, &SCHEMA).await.unwrap();
}

#[tokio::test]
async fn two_who_migrate_at_once_both_succeed() {
    let isolated = isolated::mongo_database().unwrap();
    let settings = settings(isolated.url());
    let migrate = || Database::migrate(&settings, &SCHEMA);
    let (one, other, third) = tokio::join!(migrate(), migrate(), migrate());
    assert_eq!(one.unwrap(), other.unwrap());
    third.unwrap();
    Database::open(&settings, &SCHEMA).await.unwrap();
}

static NEWER: Schema = Schema {
    service: "test",
    migrations: &[
        step(1, "notes", notes, 1),
        step(2, "kept replies", kept_replies, 1),
        step(3, "something that old programs need not know", nothing, 1),
    ],
};

static NEEDED: Schema = Schema {
    service: "test",
    migrations: &[
        step(1, "notes", notes, 1),
        step(2, "kept replies", kept_replies, 1),
        step(3, "something that old programs need not know", nothing, 1),
        step(4, "something that old programs would break", nothing, 4),
    ],
};

fn nothing(
    _: &mongo_store::mongodb::Database,
) -> futures_util::future::BoxFuture<'_, mongo_store::mongodb::error::Result<()>> {
    std::future::ready(Ok(())).boxed()
}

#[tokio::test]
async fn an_old_program_goes_on_while_a_newer_one_has_migrated_unless_it_says_no() {
    let notes = Notes::open().await;
    let settings = settings(notes.isolated.url());
    Database::migrate(&settings, &NEWER).await.unwrap();
    let old = Database::open(&settings, &SCHEMA).await.unwrap();
    write_one(&old, "still here").await.unwrap();
    Database::migrate(&settings, &NEEDED).await.unwrap();
    for refused in [
        Database::open(&settings, &SCHEMA).await.map(drop),
        Database::migrate(&settings, &SCHEMA).await.map(drop),
    ] {
        let refused = refused.unwrap_err();
        assert!(!refused.may_pass());
        assert_eq!(
            story(&refused, notes.isolated.url()),
            "the store at PLACE needs a program that knows schema version 4, this one knows 2; start a newer version"
        );
    }
}

#[tokio::test]
async fn a_validator_of_a_later_version_takes_the_place_of_the_first() {
    let store = Notes::open().await;
    let notes = store.db.mongo().collection::<Document>("notes");
    mongo_store::schema::ensure_collection(
        store.db.mongo(),
        "notes",
        doc! { "text": { "$type": "string" } },
    )
    .await
    .unwrap();
    notes
        .insert_one(doc! { "text": "a", "count": -1_i64 })
        .await
        .unwrap();
    notes.insert_one(doc! { "text": 5 }).await.unwrap_err();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_waited_for_and_its_password_is_not_shown() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url = format!("mongodb://scott:tiger@127.0.0.1:{port}/notes?replicaSet=rs0");
    let mut settings = settings(&url);
    settings.pool.wait_ms = 200;
    let refused = Database::open(&settings, &SCHEMA).await.unwrap_err();
    assert!(refused.may_pass());
    assert_eq!(
        refused.to_string(),
        format!("the store at mongodb://127.0.0.1:{port}/notes cannot be reached")
    );
    let story = story(&refused, &url);
    assert!(
        !story.contains("tiger") && !story.contains("scott"),
        "{story}"
    );
}

#[tokio::test]
async fn a_url_that_cannot_be_used_says_how_to_write_it() {
    for (url, said) in [
        (
            "mongodb://db/?replicaSet=rs0",
            "the store at mongodb://db:27017 cannot be used: STORE_URL names no database; write \
             mongodb://host/DATABASE?replicaSet=NAME",
        ),
        (
            "mongodb://",
            "the store at STORE_URL cannot be used: STORE_URL is not a MongoDB URL: invalid server address : the hostname \
             cannot be empty",
        ),
    ] {
        let refused = Database::open(&settings(url), &SCHEMA).await.unwrap_err();
        assert!(!refused.may_pass());
        assert_eq!(story(&refused, "PLACE"), said);
    }
}

#[tokio::test]
async fn its_handle_tells_what_it_is() {
    let notes = Notes::open().await;
    assert_eq!(notes.db.kind(), "mongodb");
    notes.db.ping().await.unwrap();
}

#[tokio::test]
async fn a_program_without_a_name_is_refused() {
    let isolated = isolated::mongo_database().unwrap();
    let nameless = settings(&format!("{}&appName=", isolated.url()));
    let refused = Database::migrate(&nameless, &SCHEMA).await.unwrap_err();
    assert!(!refused.may_pass());
    assert_eq!(
        story(&refused, isolated.url()),
        "the store at PLACE cannot be used: STORE_URL has an empty appName, by which nobody's transactions are told from \
         others'; name one or leave it out"
    );
}
