//! Accounts as rows.

use contracts::{Role, Timestamp, UserId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row};
use sqlite_store::StoreError;

use crate::domain::account::complete;
use crate::domain::{Account, Email, Name, PasswordHash};
use crate::store::Credentials;

/// The columns of an account, in the order [`read_account`] reads them.
pub(super) const ACCOUNT: &str = "a.sequence, a.id, a.email, a.email_verified, a.name, a.version, a.created_at, \
    a.updated_at, (SELECT group_concat(role) FROM account_role WHERE account_id = a.id)";

/// One account.
pub(super) fn account(conn: &Connection, id: UserId) -> Result<Option<Account>, StoreError> {
    let sql = format!("SELECT {ACCOUNT} FROM account a WHERE a.id = ?1");
    let account = conn
        .prepare_cached(&sql)?
        .query_row([id.to_string()], read_account)
        .optional()?;
    Ok(account)
}

/// Reads [`ACCOUNT`].
pub(super) fn read_account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        sequence: row.get(0)?,
        id: text(row, 1)?,
        email: Email::try_from(row.get_ref(2)?.as_str()?).map_err(|why| unexpected(2, why))?,
        email_verified: row.get(3)?,
        name: Name::try_from(row.get_ref(4)?.as_str()?).map_err(|why| unexpected(4, why))?,
        version: row.get(5)?,
        created_at: time(row, 6)?,
        updated_at: time(row, 7)?,
        roles: roles(row, 8)?,
    })
}

/// Reads the roles that `group_concat` joined, and adds the one that every account has.
pub(super) fn roles(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Role>> {
    let joined: Option<String> = row.get(column)?;
    let roles = joined
        .iter()
        .flat_map(|joined| joined.split(','))
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|why| unexpected(column, why))?;
    Ok(complete(roles))
}

/// The credentials of the account whose `column`, `id` or `email`, has this value.
pub(super) fn credentials(
    conn: &Connection,
    column: &'static str,
    value: &str,
) -> Result<Option<Credentials>, StoreError> {
    let sql = format!("SELECT id, password_hash FROM account WHERE {column} = ?1");
    let credentials = conn
        .prepare_cached(&sql)?
        .query_row([value], |row| {
            Ok(Credentials {
                user_id: text(row, 0)?,
                password_hash: PasswordHash(row.get(1)?),
            })
        })
        .optional()?;
    Ok(credentials)
}

/// A column that holds the text of a type.
pub(super) fn text<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::fmt::Display,
{
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|why: T::Err| unexpected(column, why))
}

/// A column that holds a time.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_unix_millis(row.get(column)?))
}

/// A value that this program never writes. What it is stays out of the error: it may be personal.
pub(super) fn unexpected(column: usize, why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.to_string().into())
}
