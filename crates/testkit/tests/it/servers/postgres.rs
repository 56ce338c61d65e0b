//! PostgreSQL.

use sqlx::{Connection, Executor, PgConnection};
use testkit::servers::{Authority, Postgres, PostgresOptions};
use tokio::time::timeout;

use super::A_MOMENT;

async fn notes(server: &Postgres) -> i64 {
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn postgres_keeps_what_was_committed_when_it_is_killed_and_when_it_is_stopped() {
    let options = PostgresOptions {
        durable: true,
        ..Default::default()
    };
    let server = Postgres::start_with(&options).await.unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let durable: String = sqlx::query_scalar("SHOW fsync")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(durable, "on");
    connection
        .execute("CREATE TABLE note (id int); INSERT INTO note VALUES (1)")
        .await
        .unwrap();
    server.kill().await.unwrap();
    assert!(connection.ping().await.is_err());
    assert!(PgConnection::connect(&server.url()).await.is_err());

    server.start().await.unwrap();
    assert_eq!(notes(&server).await, 1);
    server.stop().await.unwrap();
    assert!(PgConnection::connect(&server.url()).await.is_err());
    server.start().await.unwrap();
    assert_eq!(notes(&server).await, 1);
}

#[tokio::test]
async fn postgres_answers_nobody_while_it_is_halted_and_everybody_afterwards() {
    let server = Postgres::start().await.unwrap();
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    let twice = server.start().await.unwrap_err();
    assert_eq!(twice.to_string(), "PostgreSQL runs already");
    server.pause().await.unwrap();
    {
        // Its own process, not only the one that listens, is halted.
        let mut asked = std::pin::pin!(connection.ping());
        assert!(timeout(A_MOMENT, &mut asked).await.is_err());
        server.resume().await.unwrap();
        asked.await.unwrap();
    }
    PgConnection::connect(&server.url()).await.unwrap();
}

#[tokio::test]
async fn postgres_speaks_tls_with_a_certificate_of_its_authority() {
    let options = PostgresOptions {
        tls: Some(Authority::new().unwrap()),
        ..Default::default()
    };
    let server = Postgres::start_with(&options).await.unwrap();
    let mut connection = PgConnection::connect(&server.tls_url()).await.unwrap();
    let secure: bool =
        sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(secure);

    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), Authority::new().unwrap().certificate()).unwrap();
    let (url, _) = server
        .tls_url()
        .rsplit_once('=')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let distrusted = format!("{url}={}", other.path().display());
    assert!(PgConnection::connect(&distrusted).await.is_err());
}
