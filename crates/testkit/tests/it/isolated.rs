//! What a test gets on the shared servers is its own, and gone afterwards.

use mongodb::bson::doc;
use sqlx::{Connection, Executor, PgConnection};
use testkit::isolated::{mongo_database, postgres_database, vhost};

#[tokio::test]
async fn two_postgres_databases_know_nothing_of_each_other_and_go_with_their_test() {
    let one = postgres_database().await.unwrap();
    let two = postgres_database().await.unwrap();
    let mut in_one = PgConnection::connect(one.url()).await.unwrap();
    let mut in_two = PgConnection::connect(two.url()).await.unwrap();
    in_one.execute("CREATE TABLE mine (id int)").await.unwrap();
    assert!(in_two.execute("SELECT id FROM mine").await.is_err());

    // Although somebody is still connected.
    drop(one);
    let left: Vec<String> = sqlx::query_scalar("SELECT datname FROM pg_database")
        .fetch_all(&mut in_two)
        .await
        .unwrap();
    assert!(left.contains(&two.name().to_owned()), "{left:?}");
    let own = format!("shop_test_{}_", std::process::id());
    let mine = left.iter().filter(|name| name.starts_with(&own)).count();
    assert_eq!(mine, 1, "{left:?}");
}

#[tokio::test]
async fn a_mongo_database_is_the_one_of_its_url_and_goes_with_its_test() {
    let database = mongo_database().unwrap();
    let client = mongodb::Client::with_uri_str(database.url()).await.unwrap();
    let mine = client.default_database().unwrap();
    assert_eq!(mine.name(), database.name());
    mine.collection("notes")
        .insert_one(doc! { "text": "here" })
        .await
        .unwrap();
    let name = database.name().to_owned();
    assert!(client.list_database_names().await.unwrap().contains(&name));
    drop(database);
    assert!(!client.list_database_names().await.unwrap().contains(&name));
}

#[tokio::test]
async fn a_virtual_host_is_open_to_its_user_and_goes_with_its_test() {
    let mine = vhost().await.unwrap();
    let permissions = format!("{}/api/vhosts/{}/permissions", mine.api_url(), mine.name());
    let open: serde_json::Value = get(&permissions).await.json().await.unwrap();
    assert_eq!(
        open,
        serde_json::json!([{
            "user": "guest", "vhost": mine.name(), "configure": ".*", "write": ".*", "read": ".*",
        }])
    );
    assert!(mine.url().ends_with(mine.name()), "{}", mine.url());
    drop(mine);
    assert_eq!(get(&permissions).await.status(), 404);
}

async fn get(url: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().build().unwrap();
    http.get(url).send().await.unwrap()
}
