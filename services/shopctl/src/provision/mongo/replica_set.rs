//! The replica set: without one there are no transactions.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use mongo_store::Administrator;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::{Client, error};

use super::{SERVER, close};
use crate::provision::journal::{Journal, Stopped};

/// The name of a set whose URL has none.
const USUAL_NAME: &str = "rs0";
/// A new set may take a minute to choose its primary.
const LOOKS: usize = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// It cannot be used as it is.
#[derive(Debug, thiserror::Error)]
enum NoSet {
    #[error("it is not a replica set: start mongod with --replSet NAME, then provision again")]
    StandAlone,
    #[error("its replica set was never initiated; run `shopctl provision --initiate-replica-set`")]
    NotInitiated,
    #[error("no member of the replica set takes writes")]
    NoPrimary,
}

pub(super) async fn provision(
    admin: &Administrator,
    initiate: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let thing = format!("replica set at {} is initiated", admin.place());
    let members = journal.looked(SERVER, &thing, admin.direct_clients())?;
    let result = with_members(admin, &members, &thing, initiate, journal).await;
    for (_, client) in members {
        close(client).await;
    }
    result
}

async fn with_members(
    admin: &Administrator,
    members: &[(String, Client)],
    thing: &str,
    initiate: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let mut first = None;
    for (_, member) in members {
        let hello = hello(member).await;
        let hello = journal.looked(SERVER, thing, hello)?;
        if hello.contains_key("setName") {
            return journal
                .ensure(SERVER, thing.to_owned(), true, async {
                    Ok::<_, error::Error>(())
                })
                .await;
        }
        if hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
            return Ok(());
        }
        if !hello.get_bool("isreplicaset").unwrap_or(false) {
            return Err(journal.failed(SERVER, thing.to_owned(), &NoSet::StandAlone));
        }
        first = first.or(Some(member));
    }
    let Some(first) = first.filter(|_| initiate) else {
        return Err(journal.failed(SERVER, thing.to_owned(), &NoSet::NotInitiated));
    };
    let name = admin.replica_set().unwrap_or(USUAL_NAME);
    let hosts = (0_i32..).zip(members);
    let hosts = hosts.map(|(id, (host, _))| Bson::from(doc! { "_id": id, "host": host }));
    let set = doc! { "_id": name, "members": hosts.collect::<Vec<_>>() };
    let initiating = async {
        let admin = first.database("admin");
        admin.run_command(doc! { "replSetInitiate": set }).await?;
        Ok::<_, error::Error>(())
    };
    journal
        .ensure(SERVER, thing.to_owned(), false, initiating)
        .await?;
    if journal.is_dry_run() {
        // Nothing else can be looked at before.
        return Err(Stopped);
    }
    let chosen = until_primary(members).await;
    journal.looked(SERVER, "the replica set has a primary", chosen)
}

async fn until_primary(members: &[(String, Client)]) -> Result<(), NoSet> {
    let look = || async {
        for (_, member) in members {
            let hello = hello(member).await.unwrap_or_default();
            if hello.get_bool("isWritablePrimary").unwrap_or(false) {
                return Ok(());
            }
        }
        Err(NoSet::NoPrimary)
    };
    let waits = ConstantBuilder::default()
        .with_delay(BETWEEN_LOOKS)
        .with_max_times(LOOKS);
    look.retry(waits).await
}

async fn hello(member: &Client) -> error::Result<Document> {
    let admin = member.database("admin");
    admin.run_command(doc! { "hello": 1 }).await
}
