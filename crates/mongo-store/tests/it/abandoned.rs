//! What a process that was killed leaves behind does not stop the others.

use futures_util::FutureExt as _;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::{Client, ClientSession};
use mongo_store::{Database, Transaction};
use store_kit::{StoreError, StoreHandle as _};

use crate::notes::{NOTES, Notes, SCHEMA, settings};

const HELD: [&str; 2] = ["held by one that died", "held by another program"];

/// Begins a transaction that writes a note, as a program of that name, and leaves it open.
pub async fn hold(url: &str, program: &str, id: &str) -> ClientSession {
    let url = format!("{url}&appName={program}");
    let client = Client::with_uri_str(url).await.unwrap();
    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let held = client.default_database().unwrap();
    held.collection::<Document>(NOTES)
        .update_one(
            doc! { "_id": id },
            doc! { "$set": { "text": format!("{id}!") } },
        )
        .session(&mut session)
        .await
        .unwrap();
    session
}

pub async fn change(tx: &mut Transaction, id: &str) -> Result<(), StoreError> {
    let text = format!("{id}, and changed");
    let update = doc! { "$set": { "text": text } };
    tx.update_one(NOTES, doc! { "_id": id }, update).await?;
    Ok(())
}

#[tokio::test]
async fn a_transaction_whose_program_died_is_ended_by_who_meets_it_and_others_are_left_alone() {
    let notes = Notes::open().await;
    let collection = notes.db.collection::<Document>(NOTES);
    for id in HELD {
        collection
            .insert_one(doc! { "_id": id, "text": id })
            .await
            .unwrap();
    }
    let database = notes.db.mongo().name();
    let mut dead = hold(notes.isolated.url(), &format!("shop-{database}"), HELD[0]).await;
    let mut other = hold(notes.isolated.url(), "accounting", HELD[1]).await;

    // MongoDB itself would end it after a minute; the command gives up after half of that.
    let mut patient = settings(notes.isolated.url());
    patient.pool.statement_ms = 30_000;
    let patient = Database::open(&patient, &SCHEMA).await.unwrap();
    patient
        .transact(HELD[0], |tx, id| change(tx, id).boxed())
        .await
        .unwrap();
    let changed = format!("{}, and changed", HELD[0]);
    assert_eq!(notes.texts().await, [HELD[1], changed.as_str()]);
    // NoSuchTransaction: had it been alive, it would have been told, and could have begun anew.
    let late = dead.commit_transaction().await.unwrap_err();
    assert!(late.contains_label("TransientTransactionError"), "{late}");
    other.commit_transaction().await.unwrap();
    patient.close().await;
}
