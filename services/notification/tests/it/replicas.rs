//! Two replicas of the service on one PostgreSQL.

use std::time::Duration;

use contracts::Role;
use testkit::isolated::{PostgresDatabase, postgres_database};
use testkit::wait;

use crate::postgres::migrated;
use crate::samples;
use crate::service::{Account, Service, start_with};
use crate::streaming;

async fn replicas(place: &PostgresDatabase) -> [Service; 2] {
    let url = migrated(place).await;
    let start = async || start_with(|settings| settings.store.url.clone_from(&url)).await;
    [start().await, start().await]
}

/// Somebody, as another replica knows them.
fn at(replica: &Service, account: &Account) -> Account {
    Account {
        user_id: account.user_id,
        client: replica.signed_in(account.user_id, &[Role::Customer], Duration::from_hours(24)),
    }
}

#[tokio::test]
async fn a_stream_shows_what_any_replica_was_told_and_goes_on_at_any_replica() {
    let place = postgres_database().await.unwrap();
    let replicas = Box::pin(replicas(&place)).await;
    let ada = replicas[0].customer().await;
    let ada = [at(&replicas[0], &ada), at(&replicas[1], &ada)];
    let mut stream = streaming::open(&ada[1], None).await;
    for turn in 0..20 {
        let confirmed = samples::confirmed(ada[0].user_id);
        replicas[turn % 2].tell(1, confirmed).await;
    }
    assert_eq!(stream.ids(20).await, (2..=21).collect::<Vec<_>>());
    // The client goes away, and comes back at the other replica.
    drop(stream);
    let mut resumed = streaming::open(&ada[0], Some(15)).await;
    assert_eq!(resumed.ids(6).await, (16..=21).collect::<Vec<_>>());
    replicas[1]
        .tell(2, samples::confirmed(ada[0].user_id))
        .await;
    assert_eq!(resumed.ids(1).await, [22]);
    drop(resumed);
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test]
async fn each_mail_is_sent_by_one_of_the_replicas() {
    let place = postgres_database().await.unwrap();
    let replicas = Box::pin(replicas(&place)).await;
    let ada = replicas[0].customer().await;
    for turn in 0..30 {
        let confirmed = samples::confirmed(ada.user_id);
        replicas[turn % 2].tell(1, confirmed).await;
    }
    let ids = wait::until("31 mails", || async {
        let mut ids = Vec::new();
        for replica in &replicas {
            let mails = testkit::maildir::read(&replica.maildir())?;
            ids.extend(mails.into_iter().map(|mail| mail.message_id));
        }
        Ok((ids.len() >= 31).then_some(ids))
    })
    .await
    .unwrap();
    let admin = replicas[0].stranger(&[Role::Admin]);
    replicas[0].wait_for_states(&admin, "", &["sent"; 31]).await;
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((ids.len(), distinct.len()), (31, 31));
    for replica in replicas {
        replica.stop().await;
    }
}
