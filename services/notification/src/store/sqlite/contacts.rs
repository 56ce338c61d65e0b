//! The projection of accounts.

use contracts::{Role, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::domain::{Contact, ContactChange};
use crate::store::StoreFailure;
use crate::store::sqlite::rows;

/// Applies what an event says, unless a newer one of its kind was heard (I11).
pub(super) fn apply(conn: &Connection, change: &ContactChange) -> rusqlite::Result<()> {
    let (user_id, version) = (change.user_id.to_string(), change.version);
    if let Some(profile) = &change.profile {
        conn.prepare_cached(
            "INSERT INTO contacts (user_id, email, name, profile_version) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET email = excluded.email, name = excluded.name, \
             profile_version = excluded.profile_version WHERE excluded.profile_version > contacts.profile_version",
        )?
        .execute(params![user_id, profile.email, profile.name, version])?;
    }
    if let Some(roles) = &change.roles {
        let keeps = roles
            .iter()
            .any(|role| matches!(role, Role::Admin | Role::Catalog));
        conn.prepare_cached(
            "INSERT INTO contacts (user_id, keeps_catalog, roles_version) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET keeps_catalog = excluded.keeps_catalog, \
             roles_version = excluded.roles_version WHERE excluded.roles_version > contacts.roles_version",
        )?
        .execute(params![user_id, keeps, version])?;
    }
    Ok(())
}

fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    Ok(Contact {
        user_id: rows::parsed(row, 0)?,
        email: row.get(1)?,
        name: row.get(2)?,
    })
}

/// Where an account is reached.
pub(super) fn of_account(conn: &Connection, user_id: UserId) -> rusqlite::Result<Option<Contact>> {
    conn.prepare_cached(
        "SELECT user_id, email, name FROM contacts WHERE user_id = ?1 AND email IS NOT NULL",
    )?
    .query_row([user_id.to_string()], contact)
    .optional()
}

pub(super) const KEEPERS: &str = "SELECT user_id, email, name FROM contacts \
     WHERE keeps_catalog = 1 AND email IS NOT NULL ORDER BY user_id";

/// Where those are reached who keep the catalog.
pub(super) fn of_catalog_keepers(conn: &Connection) -> rusqlite::Result<Vec<Contact>> {
    conn.prepare_cached(KEEPERS)?
        .query_map([], contact)?
        .collect()
}

/// Takes the next number of an account's stream. Commands run one after the other, so nobody else takes it.
pub(super) fn next_stream_seq(conn: &Connection, user_id: UserId) -> rusqlite::Result<i64> {
    conn.prepare_cached(
        "UPDATE contacts SET last_stream_seq = last_stream_seq + 1 WHERE user_id = ?1 RETURNING last_stream_seq",
    )?
    .query_row([user_id.to_string()], |row| row.get(0))
}

/// The last number of an account's stream.
pub(super) fn stream_end(conn: &Connection, user_id: UserId) -> Result<i64, StoreFailure> {
    let end = conn
        .prepare_cached("SELECT last_stream_seq FROM contacts WHERE user_id = ?1")?
        .query_row([user_id.to_string()], |row| row.get(0))
        .optional()?;
    Ok(end.unwrap_or(0))
}
