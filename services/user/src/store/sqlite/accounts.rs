//! Commands on accounts.

use contracts::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use contracts::{Role, UserId};
use rusqlite::{Connection, params};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use sqlite_store::StoreError;

use super::rows::{ACCOUNT, account, read_account};
use super::tell;
use crate::domain::account::complete;
use crate::domain::{Account, Name};
use crate::store::{AccountPage, ChangeError, NewAccount};

pub(super) const NEWEST: &str = "WHERE a.sequence < ?1 ORDER BY a.sequence DESC";
/// No address has a character beyond ASCII, so this is the end of all that begin so.
pub(super) const BY_EMAIL: &str =
    "WHERE a.email >= ?1 AND a.email < ?1 || char(1114111) AND a.email > ?2 ORDER BY a.email";

pub(super) fn register(
    conn: &Connection,
    new: NewAccount,
    context: &Context,
) -> Result<bool, StoreError> {
    let inserted = conn
        .prepare_cached(
            "INSERT INTO account (id, email, name, password_hash, version, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5) ON CONFLICT (email) DO NOTHING",
        )?
        .execute(params![
            new.id.to_string(),
            new.email.as_str(),
            new.name.as_str(),
            new.password_hash.0,
            context.now.unix_millis(),
        ])?;
    if inserted == 0 {
        // Without this write there would be no commit, and the answer would come sooner than for a new address.
        conn.prepare_cached("UPDATE account SET attempts = attempts + 1 WHERE email = ?1")?
            .execute([new.email.as_str()])?;
        return Ok(false);
    }
    let roles = complete(new.roles);
    write_roles(conn, new.id, &roles)?;
    let registered = UserRegistered {
        user_id: new.id,
        email: new.email.as_str().to_owned(),
        name: new.name.as_str().to_owned(),
        roles,
    };
    tell(conn, new.id, 1, registered, context)?;
    Ok(true)
}

/// `customer` is not written: every account has it.
fn write_roles(conn: &Connection, id: UserId, roles: &[Role]) -> Result<(), StoreError> {
    let id = id.to_string();
    conn.prepare_cached("DELETE FROM account_role WHERE account_id = ?1")?
        .execute([&id])?;
    let mut insert =
        conn.prepare_cached("INSERT INTO account_role (account_id, role) VALUES (?1, ?2)")?;
    for role in roles.iter().filter(|role| **role != Role::Customer) {
        insert.execute([&id, role.as_str()])?;
    }
    Ok(())
}

/// The account as the caller has to have seen it.
fn seen(conn: &Connection, id: UserId, if_match: IfMatch) -> Result<Account, ChangeError> {
    let account = account(conn, id)?.ok_or(ChangeError::NotFound)?;
    if if_match.matches(account.version) {
        Ok(account)
    } else {
        Err(ChangeError::Stale)
    }
}

pub(super) fn rename(
    conn: &Connection,
    id: UserId,
    if_match: IfMatch,
    name: Option<Name>,
    context: &Context,
) -> Result<Account, ChangeError> {
    let before = seen(conn, id, if_match)?;
    let Some(name) = name.filter(|name| *name != before.name) else {
        return Ok(before);
    };
    let after = Account { name, ..before };
    let after = write(conn, after, context)?;
    let updated = UserProfileUpdated {
        user_id: id,
        email: after.email.as_str().to_owned(),
        name: after.name.as_str().to_owned(),
    };
    tell(conn, id, after.version, updated, context)?;
    Ok(after)
}

pub(super) fn set_roles(
    conn: &Connection,
    id: UserId,
    if_match: IfMatch,
    roles: Vec<Role>,
    context: &Context,
) -> Result<Account, ChangeError> {
    let before = seen(conn, id, if_match)?;
    let roles = complete(roles);
    if roles == before.roles {
        return Ok(before);
    }
    let steps_down = before.roles.contains(&Role::Admin) && !roles.contains(&Role::Admin);
    if steps_down && !another_administrator(conn, id)? {
        return Err(ChangeError::LastAdministrator);
    }
    write_roles(conn, id, &roles)?;
    let after = write(conn, Account { roles, ..before }, context)?;
    let changed = UserRolesChanged {
        user_id: id,
        roles: after.roles.clone(),
    };
    tell(conn, id, after.version, changed, context)?;
    Ok(after)
}

fn another_administrator(conn: &Connection, id: UserId) -> Result<bool, StoreError> {
    let another = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM account_role WHERE role = 'admin' AND account_id <> ?1)",
        )?
        .query_row([id.to_string()], |row| row.get(0))?;
    Ok(another)
}

/// Writes what an account has become, as its next version.
fn write(conn: &Connection, account: Account, context: &Context) -> Result<Account, StoreError> {
    let account = Account {
        version: account.version + 1,
        updated_at: context.now,
        ..account
    };
    conn.prepare_cached(
        "UPDATE account SET name = ?2, version = ?3, updated_at = ?4 WHERE id = ?1",
    )?
    .execute(params![
        account.id.to_string(),
        account.name.as_str(),
        account.version,
        account.updated_at.unix_millis(),
    ])?;
    Ok(account)
}

pub(super) fn list(
    conn: &Connection,
    page: &AccountPage,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let place = match page {
        AccountPage::Newest { .. } => NEWEST,
        AccountPage::ByEmail { .. } => BY_EMAIL,
    };
    let sql = format!("SELECT {ACCOUNT} FROM account a {place} LIMIT {limit}");
    let mut statement = conn.prepare_cached(&sql)?;
    let accounts = match page {
        AccountPage::Newest { after } => {
            statement.query_map([after.unwrap_or(i64::MAX)], read_account)
        }
        AccountPage::ByEmail { prefix, after } => {
            let after = after.as_deref().unwrap_or_default();
            statement.query_map([prefix.as_str(), after], read_account)
        }
    };
    Ok(accounts?.collect::<Result<_, _>>()?)
}
