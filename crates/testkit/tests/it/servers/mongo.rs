//! MongoDB.

use mongodb::Client;
use mongodb::bson::{Document, doc};
use testkit::servers::{Authority, Mongo, MongoOptions};
use testkit::wait;
use tokio::time::timeout;

use super::A_MOMENT;

async fn client(url: &str) -> Client {
    Client::with_uri_str(url).await.unwrap()
}

async fn commit_one(client: &Client) -> mongodb::error::Result<()> {
    let mut session = client.start_session().await?;
    session.start_transaction().await?;
    let notes = client.database("test").collection::<Document>("note");
    notes
        .insert_one(doc! { "text": "kept" })
        .session(&mut session)
        .await?;
    session.commit_transaction().await
}

async fn count(client: &Client) -> u64 {
    let notes = client.database("test").collection::<Document>("note");
    notes.count_documents(doc! {}).await.unwrap()
}

#[tokio::test]
async fn mongo_keeps_what_was_committed_when_it_is_killed_and_when_it_is_stopped() {
    let server = Mongo::start().await.unwrap();
    let client = client(&server.url()).await;
    commit_one(&client).await.unwrap();
    let process = server.member(0).unwrap();
    process.kill().await.unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port(0).unwrap())).is_err());
    process.start().await.unwrap();
    server.primary().await.unwrap();
    assert_eq!(count(&client).await, 1);
    process.stop().await.unwrap();
    process.start().await.unwrap();
    server.primary().await.unwrap();
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn mongo_answers_nobody_while_it_is_halted() {
    let server = Mongo::start().await.unwrap();
    let client = client(&server.url()).await;
    assert_eq!(count(&client).await, 0);
    let process = server.member(0).unwrap();
    process.pause().await.unwrap();
    let mut asked = std::pin::pin!(count(&client));
    assert!(timeout(A_MOMENT, &mut asked).await.is_err());
    process.resume().await.unwrap();
    assert_eq!(asked.await, 0);
}

#[tokio::test]
async fn three_members_go_on_without_their_primary() {
    let options = MongoOptions {
        members: 3,
        ..Default::default()
    };
    let server = Mongo::start_with(&options).await.unwrap();
    let client = client(&server.url()).await;
    commit_one(&client).await.unwrap();
    let first = server.primary().await.unwrap();
    server.member(first).unwrap().kill().await.unwrap();
    let second = server.primary().await.unwrap();
    assert_ne!(first, second);
    // The driver learns of it in its own time.
    wait::until("a commit at the new primary", || async {
        Ok(commit_one(&client).await.ok())
    })
    .await
    .unwrap();
    assert!(count(&client).await >= 2);
    server.member(first).unwrap().start().await.unwrap();
}

#[tokio::test]
async fn mongo_knows_its_users_and_speaks_tls_if_told() {
    let options = MongoOptions {
        authentication: true,
        tls: Some(Authority::new().unwrap()),
        ..Default::default()
    };
    let server = Mongo::start_with(&options).await.unwrap();
    commit_one(&client(&server.tls_url()).await).await.unwrap();
    assert_eq!(count(&client(&server.url()).await).await, 1);

    let nobody = server.url().replace("root:throw-away@", "");
    let refused = commit_one(&client(&nobody).await).await.unwrap_err();
    assert!(
        refused.to_string().contains("requires authentication"),
        "{refused}"
    );
}
