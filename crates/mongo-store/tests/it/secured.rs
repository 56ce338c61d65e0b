//! TLS, servers that ask who one is, and servers that have no transactions.

use std::path::Path;

use futures_util::FutureExt as _;
use mongo_store::Database;
use mongo_store::mongodb::bson::doc;
use service_kit::settings::{Secret, StoreSettings};
use store_kit::StoreHandle as _;
use testkit::servers::{Authority, Mongo, MongoOptions};

use crate::abandoned::{change, hold};
use crate::notes::{NOTES, SCHEMA, migrated, settings, story, texts, write_one};

/// What the server's administrator must say.
fn administrator(mongo: &Mongo) -> StoreSettings {
    let port = mongo.port(0).unwrap();
    StoreSettings {
        username: "root".to_owned(),
        password: Secret::from("throw-away"),
        ..settings(&format!(
            "mongodb://127.0.0.1:{port}/notes?replicaSet=rs0&authSource=admin"
        ))
    }
}

#[tokio::test]
async fn a_store_that_asks_for_a_password_over_tls_is_opened_with_what_files_say() {
    let authority = Authority::new().unwrap();
    let options = MongoOptions {
        authentication: true,
        tls: Some(authority.clone()),
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let folder = mongo.member(0).unwrap().folder();
    let mut settings = administrator(&mongo);
    settings.pool.wait_ms = 2_000;
    settings.tls.ca_file = folder.join("ca.pem");
    settings.tls.certificate_file = folder.join("certificate.pem");
    settings.tls.key_file = folder.join("key.pem");
    let db = migrated(&settings).await;
    write_one(&db, "in private").await.unwrap();
    assert_eq!(texts(&db).await, ["in private"]);

    settings.password = Secret::from("guessed");
    let refused = Database::open(&settings, &SCHEMA).await.unwrap_err();
    assert!(!refused.may_pass());
    let said = story(&refused, &settings.url);
    assert!(
        said.starts_with(
            "the store at PLACE cannot be used: it does not take the name and password; check them, and that the user was \
             created"
        ),
        "{said}"
    );
    assert!(!said.contains("guessed"), "{said}");

    let mut strangers = administrator(&mongo);
    strangers.tls.ca_file = another_authority(folder);
    let refused = Database::open(&strangers, &SCHEMA).await.unwrap_err();
    let said = story(&refused, &settings.url);
    assert!(said.contains("certificate"), "{said}");

    settings.tls.ca_file = folder.join("nowhere.pem");
    let refused = Database::open(&settings, &SCHEMA).await.unwrap_err();
    assert!(!refused.may_pass());
    let said = story(&refused, &settings.url);
    assert!(said.contains("nowhere.pem"), "{said}");
    mongo.remove().await.unwrap();
}

fn another_authority(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("another.pem");
    std::fs::write(&path, Authority::new().unwrap().certificate()).unwrap();
    path
}

#[tokio::test]
async fn a_server_that_is_no_replica_set_is_refused_however_the_url_is_written() {
    let options = MongoOptions {
        stand_alone: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let place = format!("mongodb://127.0.0.1:{}/notes", mongo.port(0).unwrap());
    for query in ["", "?replicaSet=rs0", "?directConnection=true"] {
        let mut settings = settings(&format!("{place}{query}"));
        settings.pool.wait_ms = 3_000;
        for refused in [
            Database::open(&settings, &SCHEMA).await.map(drop),
            Database::migrate(&settings, &SCHEMA).await.map(drop),
        ] {
            let refused = refused.unwrap_err();
            assert!(!refused.may_pass());
            assert_eq!(
                story(&refused, &place),
                "the store at PLACE cannot be used: it is not a replica set: multi-document transactions need one; start \
                 mongod with --replSet and initiate it"
            );
        }
    }
    mongo.remove().await.unwrap();
}

#[tokio::test]
async fn a_user_of_one_database_may_end_the_transactions_that_its_own_program_left_open() {
    let options = MongoOptions {
        authentication: true,
        ..MongoOptions::default()
    };
    let mongo = Mongo::start_with(&options).await.unwrap();
    let root = administrator(&mongo);
    let as_root = migrated(&root).await;
    let held = doc! { "_id": "held", "text": "held" };
    as_root.collection(NOTES).insert_one(held).await.unwrap();
    // What `shopctl provision` gives a service.
    let user = doc! { "createUser": "service", "pwd": "s", "roles": ["readWrite"] };
    as_root.mongo().run_command(user).await.unwrap();
    let port = mongo.port(0).unwrap();
    let url = format!("mongodb://service:s@127.0.0.1:{port}/notes?replicaSet=rs0");
    let mut patient = settings(&url);
    patient.pool.statement_ms = 30_000;
    let db = Database::open(&patient, &SCHEMA).await.unwrap();
    let mut dead = hold(&url, "shop-notes", "held").await;
    db.transact("held", |tx, id| change(tx, id).boxed())
        .await
        .unwrap();
    assert_eq!(texts(&db).await, ["held, and changed"]);
    dead.commit_transaction().await.unwrap_err();
    db.close().await;
    as_root.close().await;
    mongo.remove().await.unwrap();
}
