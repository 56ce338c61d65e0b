//! Roles: those that own and work, and those that sign in.

use service_kit::settings::StoreSettings;
use sqlx::PgConnection;
use store_kit::OpenError;

use super::facts::{self, Verifier};
use super::statements::{self, execute};
use super::{SERVER, owner_of, worker_of};
use crate::credentials;
use crate::provision::journal::{Journal, Stopped};
use crate::servers;
use crate::settings::{Login, Tenant};

pub(super) async fn provision(
    admin: &mut PgConnection,
    server: &StoreSettings,
    tenant: &Tenant,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let (owner, worker) = (owner_of(&tenant.database), worker_of(&tenant.database));
    let mut groups = vec![&owner];
    if tenant.migrator.is_some() {
        groups.push(&worker);
    }
    for group in groups {
        let thing = format!("role {group} exists");
        let found = journal.looked(SERVER, &thing, facts::role(admin, group).await)?;
        let create = execute(admin, statements::create_group(group));
        journal
            .ensure(SERVER, thing, found.is_some(), create)
            .await?;
    }
    administrator_acts_as(admin, &owner, journal).await?;
    for login in tenant.logins() {
        signs_in(admin, server, tenant, login, journal).await?;
        let is_owner = tenant.changes_schema(&login.name);
        member(admin, &owner, &login.name, is_owner, journal).await?;
        if tenant.migrator.is_some() {
            member(admin, &worker, &login.name, !is_owner, journal).await?;
        }
    }
    Ok(())
}

/// The role is there, may sign in, and has the password.
async fn signs_in(
    admin: &mut PgConnection,
    server: &StoreSettings,
    tenant: &Tenant,
    login: &Login,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let role = &login.name;
    let thing = format!("role {role} may sign in");
    let found = journal.looked(SERVER, &thing, facts::role(admin, role).await)?;
    let made = credentials::verifier(&login.password);
    let verifier = journal.looked(SERVER, &thing, made)?;
    let Some(found) = found else {
        let create = execute(admin, statements::create_login(role, &verifier));
        return journal.ensure(SERVER, thing, false, create).await;
    };
    let let_in = execute(admin, statements::let_in(role));
    journal
        .ensure(SERVER, thing, found.may_sign_in, let_in)
        .await?;
    let thing = format!("role {role} has no power over the server");
    let take = execute(admin, statements::take_powers(role, &found.powers));
    let has_none = found.powers.is_empty();
    journal.ensure(SERVER, thing, has_none, take).await?;
    let thing = format!("role {role} has the password of the settings");
    let kept = journal.looked(SERVER, &thing, facts::verifier(admin, role).await)?;
    let has_password = match kept {
        Verifier::Kept(kept) => {
            let is_of = |kept: &String| credentials::is_of(kept, &login.password);
            kept.as_ref().and_then(is_of).unwrap_or(false)
        }
        Verifier::Hidden => {
            let tried = tried(server, tenant, login).await;
            journal.looked(SERVER, &thing, tried)?
        }
    };
    let change = execute(admin, statements::set_password(role, &verifier));
    journal.ensure(SERVER, thing, has_password, change).await
}

/// Whether the server takes the password, for an administrator who may not look at it.
async fn tried(server: &StoreSettings, tenant: &Tenant, login: &Login) -> Result<bool, OpenError> {
    let store = servers::store_of(server, &tenant.database, login);
    let Err(refusal) = postgres_store::administrator(&store, "shopctl").await else {
        return Ok(true);
    };
    let mut causes =
        std::iter::successors(Some(&refusal as &dyn std::error::Error), |e| e.source());
    // 28P01: a wrong password; what else keeps it out is told where it matters.
    let is_wrong = causes.any(|cause| cause.to_string().contains("password authentication failed"));
    Ok(!is_wrong)
}

async fn administrator_acts_as(
    admin: &mut PgConnection,
    role: &str,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let acts = facts::administrator_acts(admin, role).await;
    let thing = format!("the administrator may act as {role}");
    if !journal.looked(SERVER, &thing, acts)? {
        let grant = execute(admin, statements::join_administrator(role));
        journal.ensure(SERVER, thing, false, grant).await?;
    }
    Ok(())
}

/// A login that another one took the place of gets in no more. The role stays: it may take its turn again.
pub(super) async fn lock_out(
    admin: &mut PgConnection,
    role: &str,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let thing = format!("role {role} may not sign in");
    let found = journal.looked(SERVER, &thing, facts::role(admin, role).await)?;
    let is_out = found.as_ref().is_none_or(|found| !found.may_sign_in);
    let lock = execute(admin, statements::lock_out(role));
    journal.ensure(SERVER, thing, is_out, lock).await?;
    if found.is_none() {
        return Ok(());
    }
    let thing = format!("nobody is signed in as {role}");
    let sessions = facts::sessions(admin, role).await;
    let sessions = journal.looked(SERVER, &thing, sessions)?;
    if sessions > 0 {
        // Who is no super-user may end connections of roles that it may act as.
        administrator_acts_as(admin, role, journal).await?;
    }
    let hang_up = execute(admin, statements::hang_up(role));
    journal.ensure(SERVER, thing, sessions == 0, hang_up).await
}

async fn member(
    admin: &mut PgConnection,
    group: &str,
    login: &str,
    belongs: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let verb = if belongs { "is" } else { "is not" };
    let thing = format!("role {login} {verb} a member of {group}");
    let found = facts::is_member(admin, group, login).await;
    let found = journal.looked(SERVER, &thing, found)?;
    if !belongs && !found {
        return Ok(());
    }
    let change = if belongs {
        statements::join(group, login)
    } else {
        statements::leave(group, login)
    };
    let change = execute(admin, change);
    journal
        .ensure(SERVER, thing, found == belongs, change)
        .await
}
