//! PostgreSQL.

use std::time::Duration;

use contracts::{Clock as _, SystemClock, Timestamp};
use sqlx::PgConnection;

use super::check::Findings;
use crate::provision::pg_administrator;
use crate::servers;
use crate::settings::{Settings, Tenant};

const PLACE: &str = "postgres";

const VERSION: &str = "SELECT current_setting('server_version')";
const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";
/// What makes a role more than a service's.
const POWERS: &str = "SELECT concat_ws(', ', CASE WHEN rolsuper THEN 'is a super-user' END,
    CASE WHEN rolcreaterole THEN 'makes roles' END, CASE WHEN rolcreatedb THEN 'makes databases' END,
    CASE WHEN rolbypassrls THEN 'passes row security' END) FROM pg_roles WHERE rolname = session_user";
/// Tables it cannot work on, of those in its schema.
const OUT_OF_REACH: &str =
    "SELECT coalesce(string_agg(relname, ', ' ORDER BY relname), '') FROM pg_class c
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
        AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))";
const MAY_CHANGE_SCHEMA: &str = "SELECT has_schema_privilege('public', 'CREATE')";
/// Other services' databases that it may connect to.
const NEIGHBOURS: &str =
    "SELECT coalesce(string_agg(datname, ', ' ORDER BY datname), '') FROM pg_database
    WHERE datname = ANY($1) AND has_database_privilege(session_user, oid, 'CONNECT')";

pub(super) async fn examine(settings: &Settings, tenants: &[Tenant], findings: &mut Findings) {
    let connected = pg_administrator(&settings.postgres).await;
    let Some(mut admin) = findings.looked(PLACE, "connection", connected) else {
        return;
    };
    // Older ones are refused by the connection.
    let version = sqlx::query_scalar::<_, String>(VERSION).fetch_one(&mut admin);
    let version = version.await;
    if let Some(version) = findings.looked(PLACE, "version", version) {
        findings.ok(PLACE, "version", format!("PostgreSQL {version}, a primary"));
    }
    let before = SystemClock.now();
    let clock = sqlx::query_scalar::<_, i64>(CLOCK)
        .fetch_one(&mut admin)
        .await;
    if let Some(clock) = findings.looked(PLACE, "clock", clock) {
        let clock = Timestamp::from_unix_millis(clock);
        findings.clock(PLACE, before, clock, Duration::ZERO);
    }
    for tenant in tenants.iter().filter(|tenant| tenant.on_postgres) {
        user(settings, tenant, tenants, findings).await;
    }
}

/// Whether a service's user can do what it must, and nothing at a neighbour's.
async fn user(settings: &Settings, tenant: &Tenant, all: &[Tenant], findings: &mut Findings) {
    let login = &tenant.user;
    let subject = format!("user {} of {}", login.name, tenant.name);
    if !findings.can_log_in(PLACE, &subject, tenant) {
        return;
    }
    let store = servers::store_of(&settings.postgres, &tenant.database, login);
    let connected = postgres_store::administrator(&store, "shopctl").await;
    let connected = connected.map_err(Advised);
    let Some(mut connection) = findings.looked(PLACE, &subject, connected) else {
        return;
    };
    let wrong = wrongs(&mut connection, tenant, all).await;
    let Some(wrong) = findings.looked(PLACE, &subject, wrong) else {
        return;
    };
    if wrong.is_empty() {
        let found = "can do its work, and sees no other service's data";
        findings.ok(PLACE, subject, found);
    } else {
        let wrong = wrong.join("; ");
        findings.fail(PLACE, subject, format!("{wrong}; run `shopctl provision`"));
    }
}

async fn wrongs(
    connection: &mut PgConnection,
    tenant: &Tenant,
    all: &[Tenant],
) -> sqlx::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let powers: String = sqlx::query_scalar(POWERS)
        .fetch_one(&mut *connection)
        .await?;
    if !powers.is_empty() {
        wrong.push(powers);
    }
    let out_of_reach = sqlx::query_scalar(OUT_OF_REACH);
    let out_of_reach: String = out_of_reach.fetch_one(&mut *connection).await?;
    if !out_of_reach.is_empty() {
        wrong.push(format!("cannot work on the tables {out_of_reach}"));
    }
    let changes = sqlx::query_scalar(MAY_CHANGE_SCHEMA);
    let changes: bool = changes.fetch_one(&mut *connection).await?;
    match (changes, tenant.migrator.is_some()) {
        (true, true) => wrong.push("may change the schema, which is the migrator's".to_owned()),
        (false, false) => wrong.push("cannot migrate the schema".to_owned()),
        _ => {}
    }
    let others = all.iter().filter(|other| other.name != tenant.name);
    let others: Vec<_> = others.map(|other| other.database.clone()).collect();
    let neighbours = sqlx::query_scalar(NEIGHBOURS).bind(others);
    let neighbours: String = neighbours.fetch_one(connection).await?;
    if !neighbours.is_empty() {
        wrong.push(format!("may connect to the databases {neighbours}"));
    }
    Ok(wrong)
}

/// A user that is not let in.
#[derive(Debug, thiserror::Error)]
#[error("it cannot connect, which `shopctl provision` sets right unless the server is away")]
struct Advised(#[source] store_kit::OpenError);
