//! Opening and migrating.

use std::path::Path;

use postgres_store::{Database, Migration, Schema};
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreHandle as _};
use testkit::isolated::postgres_database;
use testkit::servers::{Authority, Postgres, PostgresOptions};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::notes::{self, SCHEMA, settings};

const APPLIED: Applied = Applied {
    version: 2,
    min_binary: 1,
};

async fn refusal(settings: &StoreSettings) -> OpenError {
    Database::open(settings, &SCHEMA).await.unwrap_err()
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    service_kit::error_chain(error)
}

#[tokio::test]
async fn a_database_that_was_not_migrated_says_what_to_run() {
    let place = postgres_database().await.unwrap();
    let error = refusal(&settings(place.url())).await;
    assert!(error.may_pass());
    let port = place.url().rsplit_once(':').unwrap().1.split('/').next();
    let port = port.unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "the store at 127.0.0.1:{port}/{} has schema version 0, this program needs 2; run `notes migrate`",
            place.name()
        )
    );
}

#[tokio::test]
async fn programs_that_migrate_at_the_same_time_apply_each_step_once() {
    let place = postgres_database().await.unwrap();
    let settings = settings(place.url());
    let at_once = (0..8).map(|_| {
        let settings = settings.clone();
        tokio::spawn(async move { Database::migrate(&settings, &SCHEMA).await.unwrap() })
    });
    for migrated in at_once.collect::<Vec<_>>() {
        assert_eq!(migrated.await.unwrap(), APPLIED);
    }
    let db = Database::open(&settings, &SCHEMA).await.unwrap();
    db.ping().await.unwrap();
    assert_eq!(db.kind(), "postgres");
    let names: Vec<(i32, String)> =
        sqlx::query_as("SELECT version, name FROM schema_migrations ORDER BY version")
            .fetch_all(db.pool())
            .await
            .unwrap();
    assert_eq!(
        names,
        [(1, "notes".to_owned()), (2, "idempotency".to_owned())]
    );
    db.close().await;
    assert!(db.ping().await.unwrap_err().is_away(), "closed");
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_of_itself_behind() {
    static BROKEN: Schema = Schema {
        service: "notes",
        migrations: &[
            Migration {
                version: 1,
                name: "good",
                work: "CREATE TABLE good (id TEXT)",
                min_binary: 1,
            },
            Migration {
                version: 2,
                name: "bad",
                work: "CREATE TABLE bad (id TEXT); CREATE TABLE bad (id TEXT);",
                min_binary: 1,
            },
        ],
    };
    static GOOD: Schema = Schema {
        service: "notes",
        migrations: &[BROKEN.migrations[0]],
    };
    let place = postgres_database().await.unwrap();
    let settings = settings(place.url());
    let error = Database::migrate(&settings, &BROKEN).await.unwrap_err();
    assert!(!error.may_pass());
    assert!(
        chain(&error).contains("relation \"bad\" already exists"),
        "{}",
        chain(&error)
    );
    let db = Database::open(&settings, &GOOD).await.unwrap();
    let bad: bool = sqlx::query_scalar("SELECT to_regclass('bad') IS NOT NULL")
        .fetch_one(db.pool())
        .await
        .unwrap();
    assert!(!bad);
}

#[tokio::test]
async fn an_old_program_works_on_a_newer_schema_that_allows_it_and_refuses_one_that_does_not() {
    const fn newer(min_binary: u32) -> Migration {
        Migration {
            version: 3,
            name: "newer",
            work: "ALTER TABLE notes ADD COLUMN colour TEXT",
            min_binary,
        }
    }
    static ALLOWS: Schema = Schema {
        service: "notes",
        migrations: &[SCHEMA.migrations[0], SCHEMA.migrations[1], newer(2)],
    };
    static REFUSES: Schema = Schema {
        service: "notes",
        migrations: &[SCHEMA.migrations[0], SCHEMA.migrations[1], newer(3)],
    };
    for (schema, opens) in [(&ALLOWS, true), (&REFUSES, false)] {
        let place = postgres_database().await.unwrap();
        let settings = settings(place.url());
        Database::migrate(&settings, schema).await.unwrap();
        let opened = Database::open(&settings, &SCHEMA).await;
        assert_eq!(opened.is_ok(), opens);
        // An older program's `migrate` changes nothing, and says so where it must not run at all.
        let migrated = Database::migrate(&settings, &SCHEMA).await;
        assert_eq!(migrated.is_ok(), opens);
        if let Err(error) = opened {
            assert!(!error.may_pass());
            assert!(error.to_string().ends_with(
                "needs a program that knows schema version 3, this one knows 2; start a newer version"
            ));
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_told_from_what_a_person_must_set_right() {
    let place = postgres_database().await.unwrap();
    let url = place.url();
    let elsewhere = |name: &str| url.replace(place.name(), name);
    // Nobody listens there; the database may yet be made, and the user too.
    for url in [
        "postgres://postgres@127.0.0.1:1/notes".to_owned(),
        elsewhere("no_such_database"),
        url.replace("postgres@", "nobody:wrong@"),
    ] {
        let error = refusal(&settings(&url)).await;
        assert!(error.may_pass(), "{}", chain(&error));
        assert!(!chain(&error).contains("wrong"), "no password in errors");
    }
    let mut no_such_file = settings(url);
    no_such_file.tls.ca_file = "/no/such/ca.pem".into();
    for settings in [
        settings("postgres://host:port/notes"),
        settings(&format!("{url}?sslmode=require")),
        no_such_file,
    ] {
        let error = refusal(&settings).await;
        assert!(!error.may_pass(), "{}", chain(&error));
    }
}

#[tokio::test]
async fn credentials_of_the_settings_win_over_those_of_the_url() {
    let place = postgres_database().await.unwrap();
    let url = place.url().replace("postgres@", "nobody@");
    let mut settings = settings(&url);
    settings.username = "postgres".to_owned();
    settings.password = "not asked for".into();
    let migrated = Database::migrate(&settings, &SCHEMA).await.unwrap();
    assert_eq!(migrated, APPLIED);
}

/// A server with a certificate, and the authority that vouches for it.
async fn with_tls() -> (Postgres, Authority) {
    let authority = Authority::new().unwrap();
    let options = PostgresOptions {
        tls: Some(authority.clone()),
        ..PostgresOptions::default()
    };
    let server = Postgres::start_with(&options).await.unwrap();
    (server, authority)
}

#[tokio::test]
async fn with_an_authority_nothing_is_sent_to_a_server_that_it_does_not_vouch_for() {
    let (server, authority) = with_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let file_of = |name: &str, authority: &Authority| {
        let file = folder.path().join(name);
        std::fs::write(&file, authority.certificate()).unwrap();
        file
    };
    let mut trusting = notes::settings(&server.url());
    trusting.tls.ca_file = file_of("ours.pem", &authority);
    Database::migrate(&trusting, &SCHEMA).await.unwrap();
    let db = Database::open(&trusting, &SCHEMA).await.unwrap();
    let encrypted: bool =
        sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(db.pool())
            .await
            .unwrap();
    assert!(encrypted);

    let mut trusts_another = trusting.clone();
    trusts_another.tls.ca_file = file_of("another.pem", &Authority::new().unwrap());
    let error = refusal(&trusts_another).await;
    assert!(chain(&error).contains("certificate"), "{}", chain(&error));
    db.close().await;
    server.remove().await.unwrap();
}

/// Goes on to the server from another address of this machine, for as long as it is awaited.
async fn forward(from: TcpListener, to: u16) {
    loop {
        let (mut client, _) = from.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
        // Who is refused hangs up.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Migrates over TLS, through a forwarder at this address.
async fn migrate_by(
    address: &str,
    server: &Postgres,
    ca_file: &Path,
) -> Result<Applied, OpenError> {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut settings = settings(&format!("postgres://postgres@{address}:{port}/postgres"));
    settings.pool.max = 1;
    settings.tls.ca_file = ca_file.to_owned();
    tokio::select! {
        () = forward(listener, server.port()) => unreachable!("it goes on for ever"),
        migrated = Database::migrate(&settings, &SCHEMA) => migrated,
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (server, authority) = with_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.certificate()).unwrap();
    // The certificate is for 127.0.0.1: the same server at the same authority's word, by another address.
    let error = migrate_by("127.0.0.2", &server, &ca_file)
        .await
        .unwrap_err();
    let said = chain(&error);
    assert!(said.contains("not valid for name \"127.0.0.2\""), "{said}");
    let migrated = migrate_by("127.0.0.1", &server, &ca_file).await;
    assert_eq!(migrated.unwrap(), APPLIED);
    server.remove().await.unwrap();
}
