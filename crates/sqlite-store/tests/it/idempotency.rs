//! Kept replies of idempotent requests.

use std::time::Duration;

use contracts::Timestamp;
use sqlite_store::idempotency;
use sqlite_store::{Database, Migration, Schema, StoreError};
use store_kit::KeptReply;

static SCHEMA: Schema = Schema {
    service: "replies",
    migrations: &[Migration {
        version: 1,
        name: "replies",
        work: idempotency::SCHEMA_SQL,
        min_binary: 1,
    }],
};

const NOW: i64 = 1_795_464_373_000;

fn reply(object_id: &str) -> KeptReply {
    KeptReply {
        fingerprint: "f".to_owned(),
        status: 201,
        object_id: object_id.to_owned(),
        location: Some(format!("/api/v1/orders/{object_id}")),
    }
}

#[tokio::test]
async fn a_reply_is_found_under_its_caller_and_key_only_until_it_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(&folder.path().join("replies.db"), &SCHEMA)
        .await
        .unwrap();
    let now = Timestamp::from_unix_millis(NOW);
    db.write(move |connection| {
        idempotency::record(connection, "ann", "k", &reply("ord_1"), now)?;
        idempotency::record(connection, "bob", "k", &reply("ord_2"), now)?;
        let find = |caller, key| idempotency::find(connection, caller, key);
        assert_eq!(find("ann", "k")?, Some(reply("ord_1")));
        assert_eq!(find("bob", "k")?, Some(reply("ord_2")));
        assert_eq!(find("ann", "other")?, None);

        let second = idempotency::record(connection, "ann", "k", &reply("ord_3"), now);
        assert!(second.unwrap_err().is_constraint_violation());

        assert_eq!(
            idempotency::sweep(connection, now, 10)?,
            0,
            "not older than now"
        );
        let later = now.plus(Duration::from_millis(1));
        assert_eq!(
            idempotency::sweep(connection, later, 1)?,
            1,
            "no more than asked"
        );
        assert_eq!(idempotency::sweep(connection, later, 10)?, 1);
        assert_eq!(find("ann", "k")?, None);
        Ok::<_, StoreError>(())
    })
    .await
    .unwrap();
}
