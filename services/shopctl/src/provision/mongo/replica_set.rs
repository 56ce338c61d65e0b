//! The replica set: without one there are no transactions.
//!
//! It is initiated once, with all members of the URL: only if all of them answer and none belongs to a set. Otherwise a member
//! that lost its disk while the others were away would begin a second set, without the data of the first. Members that the URL
//! names later are added, one after the other, as they answer.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use mongo_store::Administrator;
use mongo_store::mongodb::Client;
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::error::{self, ErrorKind};
use store_kit::OpenError;

use super::{SERVER, close};
use crate::provision::journal::{Journal, Stopped};

/// The name of a set whose URL has none.
const USUAL_NAME: &str = "rs0";
/// A new set may take a minute to choose its primary, or to agree on a new member.
const LOOKS: usize = 300;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// The set is still changing: `NewReplicaSetConfigurationIncompatible`, `ConfigurationInProgress`,
/// `CurrentConfigNotCommittedYet`.
const CHANGING: [i32; 3] = [103, 109, 308];

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

/// How one server of the URL is.
enum State {
    /// It does not answer.
    Away(error::Error),
    /// It can belong to no set.
    Alone,
    /// It leads to the sets of a sharded cluster.
    Router,
    /// It belongs to no set yet.
    New,
    /// It belongs to a set.
    Member,
}

pub(super) async fn provision(
    admin: &Administrator,
    initiate: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let thing = format!("replica set at {} is initiated", admin.place());
    let states = journal.looked(SERVER, &thing, states(admin).await)?;
    let is = |wanted: fn(&State) -> bool| states.iter().any(|(_, state)| wanted(state));
    if is(|state| matches!(state, State::Router)) {
        return Ok(());
    }
    if is(|state| matches!(state, State::Member)) {
        let nothing = async { Ok::<_, error::Error>(()) };
        journal.ensure(SERVER, thing, true, nothing).await?;
        return if initiate {
            complete(admin, &states, journal).await
        } else {
            Ok(())
        };
    }
    if is(|state| matches!(state, State::Alone)) {
        return Err(journal.failed(SERVER, thing, &NoSet::StandAlone));
    }
    for (_, state) in &states {
        if let State::Away(error) = state {
            return Err(journal.failed(SERVER, thing, error));
        }
    }
    if !initiate {
        return Err(journal.failed(SERVER, thing, &NoSet::NotInitiated));
    }
    journal
        .ensure(SERVER, thing, false, initiate_set(admin))
        .await?;
    if journal.is_dry_run() {
        // Nothing else can be looked at before.
        return Err(Stopped);
    }
    let chosen = until_primary(admin).await;
    journal.looked(SERVER, "the replica set has a primary", chosen)
}

async fn states(admin: &Administrator) -> Result<Vec<(String, State)>, OpenError> {
    let mut states = Vec::new();
    for host in admin.hosts() {
        let client = admin.anonymous_client(&host)?;
        let state = match hello(&client).await {
            Err(error) => State::Away(error),
            Ok(hello) if hello.contains_key("setName") => State::Member,
            Ok(hello) if hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") => State::Router,
            Ok(hello) if hello.get_bool("isreplicaset").unwrap_or(false) => State::New,
            Ok(_) => State::Alone,
        };
        close(client).await;
        states.push((host, state));
    }
    Ok(states)
}

/// Why the set could not be changed.
#[derive(Debug, thiserror::Error)]
enum ChangeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Refused(#[from] error::Error),
}

/// By the first server of the URL: if one of them has users and the others have nothing yet, it is that one.
async fn initiate_set(admin: &Administrator) -> Result<(), ChangeError> {
    let name = admin.replica_set().unwrap_or(USUAL_NAME);
    let hosts = admin.hosts();
    let members = (0_i32..).zip(&hosts);
    let members = members.map(|(id, host)| Bson::from(doc! { "_id": id, "host": host }));
    let set = doc! { "_id": name, "members": members.collect::<Vec<_>>() };
    let first = hosts.first().map(String::as_str).unwrap_or_default();
    let client = admin.direct_client(first)?;
    let initiated = run(&client, doc! { "replSetInitiate": set }).await;
    close(client).await;
    initiated?;
    Ok(())
}

/// Adds the servers of the URL that do not belong to the set.
async fn complete(
    admin: &Administrator,
    states: &[(String, State)],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    // One that belongs to a set already may be known there by another name.
    let is_settled = |state: &State| matches!(state, State::Member);
    if states.iter().all(|(_, state)| is_settled(state)) {
        return Ok(());
    }
    let client = journal.looked(SERVER, "the administrator is let in", admin.client())?;
    let done = add_missing(&client, states, journal).await;
    close(client).await;
    done
}

async fn add_missing(
    client: &Client,
    states: &[(String, State)],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let config = config(client).await;
    let config = journal.looked(SERVER, "the members of the replica set", config)?;
    let known = hosts_of(&config);
    for (host, state) in states {
        if known.iter().any(|known| known == host) {
            continue;
        }
        let thing = format!("{host} belongs to the replica set");
        match state {
            State::New => {
                let add = add(client, host);
                journal.ensure(SERVER, thing, false, add).await?;
            }
            State::Away(error) => return Err(journal.failed(SERVER, thing, error)),
            State::Alone => return Err(journal.failed(SERVER, thing, &NoSet::StandAlone)),
            State::Router | State::Member => {}
        }
    }
    Ok(())
}

/// Adds one member. It has no vote before it has all data: the server sees to that.
async fn add(client: &Client, host: &str) -> error::Result<()> {
    let add = || async {
        let mut config = config(client).await?;
        let version = config.get_i32("version").unwrap_or_default();
        config.insert("version", version.saturating_add(1));
        if let Ok(members) = config.get_array_mut("members") {
            let ids = members.iter().filter_map(Bson::as_document);
            let last = ids.filter_map(|member| member.get_i32("_id").ok()).max();
            let id = last.unwrap_or(-1).saturating_add(1);
            members.push(doc! { "_id": id, "host": host }.into());
        }
        run(client, doc! { "replSetReconfig": config }).await?;
        Ok(())
    };
    add.retry(patience())
        .when(|error: &error::Error| {
            matches!(&*error.kind, ErrorKind::Command(refusal) if CHANGING.contains(&refusal.code))
        })
        .await
}

async fn config(client: &Client) -> error::Result<Document> {
    let reply = run(client, doc! { "replSetGetConfig": 1 }).await?;
    Ok(reply.get_document("config").cloned().unwrap_or_default())
}

fn hosts_of(config: &Document) -> Vec<String> {
    let members = config.get_array("members").map(Vec::as_slice);
    let members = members.unwrap_or_default().iter();
    members
        .filter_map(|member| member.as_document()?.get_str("host").ok())
        .map(str::to_owned)
        .collect()
}

async fn until_primary(admin: &Administrator) -> Result<(), NoSet> {
    let look = || async {
        for host in admin.hosts() {
            let Ok(client) = admin.anonymous_client(&host) else {
                continue;
            };
            let hello = hello(&client).await.unwrap_or_default();
            close(client).await;
            if hello.get_bool("isWritablePrimary").unwrap_or(false) {
                return Ok(());
            }
        }
        Err(NoSet::NoPrimary)
    };
    look.retry(patience()).await
}

fn patience() -> ConstantBuilder {
    ConstantBuilder::default()
        .with_delay(BETWEEN_LOOKS)
        .with_max_times(LOOKS)
}

async fn hello(member: &Client) -> error::Result<Document> {
    run(member, doc! { "hello": 1 }).await
}

async fn run(client: &Client, command: Document) -> error::Result<Document> {
    client.database("admin").run_command(command).await
}
