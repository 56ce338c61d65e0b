//! PostgreSQL: a database for each service, which nobody else may connect to.
//!
//! Everything in a database belongs to a role `<database>_owner` that cannot sign in; logins are members of it and act as it,
//! so that one login can take the place of another. A service with a migrator works as a member of `<database>_work`, which may
//! read and write rows but not change the schema.

mod facts;
mod roles;
mod statements;

use service_kit::settings::StoreSettings;
use sqlx::PgConnection;
use store_kit::OpenError;

use self::statements::execute;
use super::journal::{Journal, Stopped};
use crate::servers;
use crate::settings::{Settings, Tenant};

/// In the journal.
pub(super) const SERVER: &str = "postgres";

/// The roles of a tenant that cannot sign in.
pub(crate) fn owner_of(database: &str) -> String {
    format!("{database}_owner")
}

/// Whose members may read and write rows.
pub(crate) fn worker_of(database: &str) -> String {
    format!("{database}_work")
}

/// The administrator's connection; to the database `postgres` if the URL names none.
pub(crate) async fn administrator(server: &StoreSettings) -> Result<PgConnection, OpenError> {
    let server = servers::with_usual_database(server, "postgres");
    postgres_store::administrator(&server, "shopctl").await
}

pub(super) async fn provision(
    settings: &Settings,
    tenants: &[Tenant],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let connected = administrator(&settings.postgres).await;
    let mut admin = journal.looked(SERVER, "the administrator is let in", connected)?;
    // Two that provision at the same time do it one after the other.
    let locked = execute(&mut admin, statements::LOCK.to_owned()).await;
    journal.looked(SERVER, "no other provisioning is going on", locked)?;
    for tenant in tenants.iter().filter(|tenant| tenant.on_postgres) {
        let others = tenants.iter().filter(|other| other.name != tenant.name);
        let others = others.flat_map(Tenant::logins);
        let others: Vec<_> = others.map(|login| login.name.clone()).collect();
        // What stops one tenant is told; the others are made all the same.
        let _ = one(&mut admin, &settings.postgres, tenant, &others, journal).await;
    }
    Ok(())
}

async fn one(
    admin: &mut PgConnection,
    server: &StoreSettings,
    tenant: &Tenant,
    others: &[String],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    roles::provision(admin, server, tenant, journal).await?;
    let (database, owner) = (&tenant.database, owner_of(&tenant.database));
    let found = facts::database(admin, database).await;
    let found = journal.looked(SERVER, &format!("database {database}"), found)?;
    let create = execute(admin, statements::create_database(database, &owner));
    let thing = format!("database {database} exists");
    journal
        .ensure(SERVER, thing, found.is_some(), create)
        .await?;
    if let Some(found) = &found
        && found.owner != owner
    {
        let thing = format!("database {database} belongs to {owner}");
        let error = statements::ForeignDatabase::new(&found.owner, &owner);
        return Err(journal.failed(SERVER, thing, &error));
    }
    let closed = found.as_ref().is_some_and(|found| !found.is_open);
    let close = execute(admin, statements::close_database(database));
    let thing = format!("database {database} is closed to everybody else");
    journal.ensure(SERVER, thing, closed, close).await?;
    let thing = format!("no other service's user was let into database {database}");
    let guests = facts::guests(admin, database, others).await;
    let guests = journal.looked(SERVER, &thing, guests)?;
    let show_out = execute(admin, statements::show_out(database, &guests));
    let is_so = guests.is_empty();
    journal.ensure(SERVER, thing, is_so, show_out).await?;

    if tenant.migrator.is_some() {
        let worker = worker_of(database);
        let may_connect = facts::may_connect(admin, &worker, database).await;
        let thing = format!("{worker} may connect to database {database}");
        let may_connect = journal.looked(SERVER, &thing, may_connect)?;
        let grant = execute(admin, statements::grant_connect(database, &worker));
        journal.ensure(SERVER, thing, may_connect, grant).await?;
    }
    for login in tenant.logins() {
        acts_as_owner(admin, tenant, &login.name, journal).await?;
    }
    if tenant.migrator.is_some() {
        let exists = found.is_some();
        rows(server, tenant, exists, journal).await?;
    }
    for role in &tenant.retired {
        roles::lock_out(admin, role, journal).await?;
    }
    Ok(())
}

/// What a login that may change the schema makes belongs to the owner, not to the login.
async fn acts_as_owner(
    admin: &mut PgConnection,
    tenant: &Tenant,
    login: &str,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let (database, owner) = (&tenant.database, owner_of(&tenant.database));
    let acts = tenant.changes_schema(login);
    let found = facts::acts_as(admin, login, database).await;
    let verb = if acts { "acts as" } else { "does not act as" };
    let thing = format!("role {login} {verb} {owner} in database {database}");
    let found = journal.looked(SERVER, &thing, found)?;
    let wanted = acts.then(|| owner.clone());
    let is_so = found == wanted;
    if is_so && !acts {
        return Ok(());
    }
    let change = statements::act_as(login, database, wanted.as_deref());
    let change = execute(admin, change);
    journal.ensure(SERVER, thing, is_so, change).await
}

/// Workers may read and write the rows of every table there is and will be.
async fn rows(
    server: &StoreSettings,
    tenant: &Tenant,
    exists: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let database = &tenant.database;
    let (owner, worker) = (owner_of(database), worker_of(database));
    let to_come = format!("{worker} may work on tables that {owner} will make in {database}");
    let there = format!("{worker} may work on all tables in database {database}");
    if !exists && journal.is_dry_run() {
        let nothing = async || Ok::<_, sqlx::Error>(());
        journal.ensure(SERVER, to_come, false, nothing()).await?;
        return Ok(());
    }
    let inside = servers::with_database(server, database);
    let inside = postgres_store::administrator(&inside, "shopctl").await;
    let mut inside = journal.looked(SERVER, &format!("database {database}"), inside)?;
    let is_so = facts::grants_to_come(&mut inside, &owner, &worker).await;
    let is_so = journal.looked(SERVER, &to_come, is_so)?;
    let grant = execute(&mut inside, statements::grant_to_come(&owner, &worker));
    journal.ensure(SERVER, to_come, is_so, grant).await?;
    let is_so = facts::grants_there(&mut inside, &worker).await;
    let is_so = journal.looked(SERVER, &there, is_so)?;
    let grant = execute(&mut inside, statements::grant_there(&owner, &worker));
    journal.ensure(SERVER, there, is_so, grant).await
}
