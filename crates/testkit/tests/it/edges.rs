//! The proxy before real servers: what was committed is there although nobody was told.

use mongodb::Client;
use mongodb::bson::{Document, doc};
use sqlx::{Connection, Executor, PgConnection};
use testkit::chaos::Proxy;
use testkit::isolated::{mongo_database, postgres_database};

#[tokio::test]
async fn a_commit_in_postgres_whose_reply_is_lost_is_there() {
    let database = postgres_database().await.unwrap();
    let proxy = Proxy::before(database.url()).await.unwrap();
    let mut through = PgConnection::connect(&proxy.url()).await.unwrap();
    through.execute("CREATE TABLE note (id int)").await.unwrap();

    let cut = proxy.cut_reply_after(b"COMMIT");
    let mut transaction = through.begin().await.unwrap();
    transaction
        .execute("INSERT INTO note VALUES (1)")
        .await
        .unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, sqlx::Error::Io(_)), "{error:?}");
    cut.done().await.unwrap();

    let mut direct = PgConnection::connect(database.url()).await.unwrap();
    let notes: i64 = sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(&mut direct)
        .await
        .unwrap();
    assert_eq!(notes, 1);
}

#[tokio::test]
async fn a_commit_in_mongo_whose_reply_is_lost_is_there_once() {
    let database = mongo_database().unwrap();
    let proxy = Proxy::before(database.url()).await.unwrap();
    let through = Client::with_uri_str(proxy.url()).await.unwrap();
    let notes = |client: &Client| {
        let database = client.default_database().unwrap();
        database.collection::<Document>("note")
    };
    let cut = proxy.cut_reply_after(b"commitTransaction");
    let mut session = through.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    notes(&through)
        .insert_one(doc! { "_id": 1 })
        .session(&mut session)
        .await
        .unwrap();
    // The driver asks again by itself, as it may for this command, and is told that it was done.
    session.commit_transaction().await.unwrap();
    assert!(cut.is_done());

    let direct = Client::with_uri_str(database.url()).await.unwrap();
    assert_eq!(notes(&direct).count_documents(doc! {}).await.unwrap(), 1);
}
