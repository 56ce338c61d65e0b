//! MongoDB.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::{Clock as _, SystemClock, Timestamp};
use mongo_store::mongodb::bson::{Bson, Document, doc};
use mongo_store::mongodb::{Client, Database, error};

use super::check::Findings;
use crate::provision::{close_mongo, mongo_administrator};
use crate::servers;
use crate::settings::{Settings, Tenant};

const PLACE: &str = "mongodb";
/// The oldest server that is used.
const OLDEST: i32 = 6;
/// How full a disk may be, in hundredths.
const DISK_WARN: f64 = 85.0;
const DISK_FAIL: f64 = 95.0;
/// What a service does with its collections.
const WORK: [&str; 6] = [
    "find",
    "insert",
    "update",
    "remove",
    "createCollection",
    "createIndex",
];

pub(super) async fn examine(settings: &Settings, tenants: &[Tenant], findings: &mut Findings) {
    let admin = mongo_administrator(&settings.mongodb).await;
    let client = admin.and_then(|admin| admin.client());
    let Some(client) = findings.looked(PLACE, "connection", client) else {
        return;
    };
    if server(&client, findings).await {
        for tenant in tenants.iter().filter(|tenant| tenant.on_mongodb) {
            user(settings, tenant, tenants, findings).await;
        }
    }
    close_mongo(client).await;
}

/// Whether the users can be looked at as well.
async fn server(client: &Client, findings: &mut Findings) -> bool {
    let admin = client.database("admin");
    let before = SystemClock.now();
    let hello = run(&admin, doc! { "hello": 1 }).await;
    let hello = hello.map_err(Advised);
    let Some(hello) = findings.looked(PLACE, "connection", hello) else {
        return false;
    };
    if let Ok(clock) = hello.get_datetime("localTime") {
        let clock = Timestamp::from_unix_millis(clock.timestamp_millis());
        findings.clock(PLACE, before, clock, Duration::ZERO);
    }
    let about = run(&admin, doc! { "buildInfo": 1 }).await;
    if let Some(about) = findings.looked(PLACE, "version", about) {
        version(&about, findings);
    }
    if hello.contains_key("setName") {
        let status = run(&admin, doc! { "replSetGetStatus": 1 }).await;
        if let Some(status) = findings.looked(PLACE, "replica set", status) {
            replica_set(&status, findings);
        }
    } else if hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid") {
        findings.ok(PLACE, "replica set", "a sharded cluster");
    } else {
        findings.fail(
            PLACE,
            "replica set",
            "it is none, so it has no transactions; start mongod with --replSet and run `shopctl provision \
             --initiate-replica-set`",
        );
    }
    let stats = run(&admin, doc! { "dbStats": 1 }).await;
    if let Some(stats) = findings.looked(PLACE, "disk", stats) {
        disk(&stats, findings);
    }
    true
}

fn version(about: &Document, findings: &mut Findings) {
    let version = about.get_str("version").unwrap_or("of an unknown version");
    let parts = about.get_array("versionArray").ok();
    let major = parts.and_then(|parts| parts.first()).and_then(Bson::as_i32);
    if major.unwrap_or_default() >= OLDEST {
        findings.ok(PLACE, "version", format!("MongoDB {version}"));
    } else {
        let found = format!("MongoDB {version}; upgrade it to {OLDEST}.0 or newer");
        findings.fail(PLACE, "version", found);
    }
}

fn replica_set(status: &Document, findings: &mut Findings) {
    let members = status.get_array("members").cloned().unwrap_or_default();
    let mut down = Vec::new();
    for member in members.iter().filter_map(Bson::as_document) {
        let state = member.get_str("stateStr").unwrap_or("UNKNOWN");
        let name = member.get_str("name").unwrap_or("?");
        if !["PRIMARY", "SECONDARY", "ARBITER"].contains(&state) {
            down.push(format!("{name} is {state}"));
        }
    }
    let set = status.get_str("set").unwrap_or_default();
    let count = members.len();
    if down.is_empty() {
        let found = format!("{set} with {count} members, all at work");
        findings.ok(PLACE, "replica set", found);
    } else {
        let down = down.join(", ");
        let found = format!("of {count} members of {set}: {down}; look at their logs");
        findings.warn(PLACE, "replica set", found);
    }
}

fn disk(stats: &Document, findings: &mut Findings) {
    let number = |key| match stats.get(key) {
        Some(Bson::Double(number)) => Some(*number),
        Some(Bson::Int32(number)) => Some(f64::from(*number)),
        // A disk of 2^52 bytes is far away.
        #[expect(clippy::cast_precision_loss, reason = "a share in hundredths")]
        Some(Bson::Int64(number)) => Some(*number as f64),
        _ => None,
    };
    let (Some(used), Some(total)) = (number("fsUsedSize"), number("fsTotalSize")) else {
        return;
    };
    let share = if total > 0.0 {
        used / total * 100.0
    } else {
        0.0
    };
    let found = format!("{share:.0} % used");
    if share < DISK_WARN {
        findings.ok(PLACE, "disk", found);
    } else if share < DISK_FAIL {
        findings.warn(PLACE, "disk", found + "; make it larger soon");
    } else {
        findings.fail(PLACE, "disk", found + "; make it larger now");
    }
}

/// Whether a service's user can do what it must, and nothing at a neighbour's.
async fn user(settings: &Settings, tenant: &Tenant, all: &[Tenant], findings: &mut Findings) {
    let login = &tenant.user;
    let subject = format!("user {} of {}", login.name, tenant.name);
    if !findings.can_log_in(PLACE, &subject, tenant) {
        return;
    }
    let store = servers::store_of(&settings.mongodb, &tenant.database, login);
    let admin = mongo_administrator(&store).await;
    let client = admin.and_then(|admin| admin.client());
    let Some(client) = findings.looked(PLACE, &subject, client) else {
        return;
    };
    let wrong = wrongs(&client, tenant, all).await.map_err(Advised);
    close_mongo(client).await;
    let Some(wrong) = findings.looked(PLACE, &subject, wrong) else {
        return;
    };
    if wrong.is_empty() {
        let found = "can do its work, and sees no other service's data";
        findings.ok(PLACE, subject, found);
    } else {
        findings.fail(PLACE, subject, wrong.join("; "));
    }
}

async fn wrongs(client: &Client, tenant: &Tenant, all: &[Tenant]) -> error::Result<Vec<String>> {
    let own = client.database(&tenant.database);
    let status = run(&own, doc! { "connectionStatus": 1, "showPrivileges": true }).await?;
    let mut wrong = Vec::new();
    let (mut may, mut elsewhere) = (BTreeSet::new(), BTreeSet::new());
    for privilege in privileges(&status) {
        let resource = privilege.get_document("resource").ok();
        let database = resource.and_then(|resource| resource.get_str("db").ok());
        let whole = resource.and_then(|resource| resource.get_str("collection").ok()) == Some("");
        let actions = privilege.get_array("actions").cloned().unwrap_or_default();
        let actions = actions.iter().filter_map(Bson::as_str).map(str::to_owned);
        let place = match database {
            Some(name) if name == tenant.database => {
                may.extend(whole.then_some(actions).into_iter().flatten());
                continue;
            }
            Some("") => "all databases".to_owned(),
            Some(name) => format!("the database {name}"),
            None => "the cluster".to_owned(),
        };
        elsewhere.insert(place);
    }
    let missing: Vec<_> = WORK.iter().filter(|work| !may.contains(**work)).collect();
    if !missing.is_empty() {
        wrong.push(format!("may not {missing:?}; run `shopctl provision`"));
    }
    if !elsewhere.is_empty() {
        let elsewhere: Vec<_> = elsewhere.into_iter().collect();
        wrong.push(format!(
            "has privileges on {}; run `shopctl provision`",
            elsewhere.join(", ")
        ));
        return Ok(wrong);
    }
    let neighbour = all
        .iter()
        .find(|other| other.on_mongodb && other.name != tenant.name);
    if let Some(neighbour) = neighbour {
        let neighbours = client.database(&neighbour.database);
        let look = doc! { "find": "outbox", "limit": 1 };
        if run(&neighbours, look).await.is_ok() {
            wrong.push(format!(
                "may read the database {}: start mongod with --auth or --keyFile, so that it asks who one is",
                neighbour.database
            ));
        }
    }
    Ok(wrong)
}

fn privileges(status: &Document) -> Vec<Document> {
    let info = status.get_document("authInfo").ok();
    let found = info.and_then(|info| info.get_array("authenticatedUserPrivileges").ok());
    let found = found.cloned().unwrap_or_default();
    found
        .into_iter()
        .filter_map(|privilege| privilege.as_document().cloned())
        .collect()
}

async fn run(database: &Database, command: Document) -> error::Result<Document> {
    database.run_command(command).await
}

/// Somebody who is not let in, or a server that is away.
#[derive(Debug, thiserror::Error)]
#[error(
    "it does not let this user in, or does not answer; check its address and the password, then run `shopctl provision`"
)]
struct Advised(#[source] error::Error);
