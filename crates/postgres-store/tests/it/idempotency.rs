//! Replies kept under a key.

use std::time::Duration;

use contracts::Timestamp;
use postgres_store::idempotency::{self, STATEMENTS, find, record};
use store_kit::KeptReply;

use crate::notes::{Failure, Store, store};

fn now() -> Timestamp {
    Timestamp::from_unix_millis(1_795_464_373_000)
}

fn reply(object_id: &str) -> KeptReply {
    KeptReply {
        fingerprint: "f".to_owned(),
        status: 201,
        object_id: object_id.to_owned(),
        location: Some(format!("/orders/{object_id}")),
    }
}

/// Records a reply in a transaction of its own, or returns the one that is there.
async fn once(store: &Store, caller: &str, object_id: &str) -> KeptReply {
    let input = (caller, reply(object_id));
    let kept = store.db.transact(&input, |connection, (caller, new)| {
        Box::pin(async move {
            if record(connection, caller, "key", new, now()).await? {
                return Ok::<_, Failure>(new.clone());
            }
            Ok(find(connection, caller, "key").await?.unwrap())
        })
    });
    kept.await.unwrap()
}

#[tokio::test]
async fn of_many_requests_with_one_key_at_once_one_is_carried_out_and_all_get_its_reply() {
    let store = store().await;
    assert_eq!(find(store.db.pool(), "ada", "key").await.unwrap(), None);
    let ids: Vec<_> = (0..20).map(|number| format!("ord_{number}")).collect();
    let replies =
        futures_util::future::join_all(ids.iter().map(|id| once(&store, "ada", id))).await;
    assert!(replies.iter().all(|reply| *reply == replies[0]));
    let kept = find(store.db.pool(), "ada", "key").await.unwrap();
    assert_eq!(kept.as_ref(), Some(&replies[0]));
    assert_eq!(
        once(&store, "bob", "ord_b").await,
        reply("ord_b"),
        "another caller's"
    );
}

#[tokio::test]
async fn old_replies_are_forgotten_in_batches() {
    let store = store().await;
    for caller in ["a", "b", "c"] {
        once(&store, caller, "ord_1").await;
    }
    let sweep = async |before, limit| {
        idempotency::sweep(store.db.pool(), before, limit)
            .await
            .unwrap()
    };
    let later = now().plus(Duration::from_millis(1));
    let swept = [
        sweep(now(), 9).await,
        sweep(later, 2).await,
        sweep(later, 2).await,
        sweep(later, 2).await,
    ];
    assert_eq!(swept, [0, 2, 1, 0]);
}

#[tokio::test]
async fn every_statement_fits_the_schema_and_goes_along_an_index() {
    let store = store().await;
    for (name, sql) in STATEMENTS {
        let plan = store.db.query_plan(sql).await.unwrap();
        assert_eq!(plan.whole_scans(), [""; 0], "{name}: {plan:#?}");
    }
}
