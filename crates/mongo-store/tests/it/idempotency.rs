//! Replies kept for repeated requests.

use std::time::Duration;

use contracts::Timestamp;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use mongo_store::{Transaction, idempotency};
use store_kit::{KeptReply, StoreError};

use crate::notes::{Notes, write};

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

fn reply(object: &str) -> KeptReply {
    KeptReply {
        fingerprint: "f".to_owned(),
        status: 201,
        object_id: object.to_owned(),
        location: Some(format!("/notes/{object}")),
    }
}

/// Writes the note unless the key was used: then what it did.
async fn once(tx: &mut Transaction, text: &str) -> Result<Option<KeptReply>, StoreError> {
    if let Some(kept) = idempotency::find(tx, "ada", "key").await? {
        return Ok(Some(kept));
    }
    write(tx, text).await?;
    idempotency::record(tx, "ada", "key", &reply(text), now()).await?;
    Ok(None)
}

#[tokio::test]
async fn of_many_requests_with_one_key_at_once_one_has_an_effect_and_all_others_see_it() {
    let notes = Notes::open().await;
    let texts: Vec<String> = (0..20).map(|n| format!("note {n}")).collect();
    let requests = texts
        .iter()
        .map(|text| notes.db.transact(text, |tx, text| once(tx, text).boxed()));
    let mut replayed: Vec<_> = join_all(requests)
        .await
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    let written = notes.texts().await;
    assert_eq!(written.len(), 1);
    assert_eq!(replayed.len(), 19);
    replayed.dedup();
    assert_eq!(replayed, [reply(&written[0])]);
    let kept = idempotency::find_committed(&notes.db, "ada", "key").await;
    assert_eq!(kept.unwrap(), Some(reply(&written[0])));
    let others = idempotency::find_committed(&notes.db, "bob", "key").await;
    assert_eq!(others.unwrap(), None);
}

#[tokio::test]
async fn old_replies_are_forgotten_a_batch_at_a_time() {
    let notes = Notes::open().await;
    for n in 0..5_u64 {
        let at = now().plus(Duration::from_secs(n));
        let input = (n.to_string(), at);
        let record = notes.db.transact(&input, |tx, (key, at)| {
            async move { idempotency::record(tx, "ada", key, &reply("o"), *at).await }.boxed()
        });
        record.await.unwrap();
    }
    let before = now().plus(Duration::from_secs(3));
    let mut swept = Vec::new();
    for _ in 0..3 {
        swept.push(idempotency::sweep(&notes.db, before, 2).await.unwrap());
    }
    assert_eq!(swept, [2, 1, 0]);
    let kept = idempotency::find_committed(&notes.db, "ada", "3").await;
    assert_eq!(kept.unwrap(), Some(reply("o")));
}
