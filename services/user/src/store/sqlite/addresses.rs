//! Commands on address books.

use contracts::{Address, AddressId, AddressText, Country, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use service_kit::http::etag::IfMatch;
use sqlite_store::{StoreError, idempotency};

use super::rows::{text, time, unexpected};
use crate::store::{Added, ChangeError, Edit, Entry, Retry};

pub(super) fn add(
    conn: &Connection,
    owner: UserId,
    address: Address,
    retry: Option<Retry>,
    most: u32,
    now: Timestamp,
) -> Result<Added, StoreError> {
    let caller = owner.to_string();
    if let Some(retry) = &retry
        && let Some(stored) = idempotency::find(conn, &caller, &retry.key)?
    {
        return replayed(conn, owner, retry, &stored);
    }
    let kept: u32 = conn
        .prepare_cached("SELECT count(*) FROM address WHERE account_id = ?1")?
        .query_row([&caller], |row| row.get(0))?;
    if kept >= most {
        return Ok(Added::Full);
    }
    let entry = Entry {
        id: AddressId::at(now),
        address,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    insert(conn, owner, &entry)?;
    if let Some(retry) = retry {
        let reply = store_kit::KeptReply {
            fingerprint: retry.fingerprint,
            status: 201,
            object_id: entry.id.to_string(),
            location: None,
        };
        idempotency::record(conn, &caller, &retry.key, &reply, now)?;
    }
    Ok(Added::Done(entry))
}

fn replayed(
    conn: &Connection,
    owner: UserId,
    retry: &Retry,
    stored: &store_kit::KeptReply,
) -> Result<Added, StoreError> {
    if stored.fingerprint != retry.fingerprint {
        return Ok(Added::KeyReused);
    }
    let id = stored
        .object_id
        .parse()
        .map_err(|_| StoreError::Unexpected("an idempotency key names no address".to_owned()))?;
    Ok(one(conn, owner, id)?.map_or(Added::Gone, Added::Replayed))
}

fn insert(conn: &Connection, owner: UserId, entry: &Entry) -> Result<(), StoreError> {
    let address = &entry.address;
    conn.prepare_cached(
        "INSERT INTO address (id, account_id, name, line1, line2, postal_code, city, region, country, version,
           created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        entry.id.to_string(),
        owner.to_string(),
        address.name.as_str(),
        address.line1.as_str(),
        address.line2.as_ref().map(AddressText::as_str),
        address.postal_code.as_str(),
        address.city.as_str(),
        address.region.as_ref().map(AddressText::as_str),
        address.country.as_str(),
        entry.version,
        entry.created_at.unix_millis(),
        entry.updated_at.unix_millis(),
    ])?;
    Ok(())
}

pub(super) const LIST: &str =
    "SELECT id, name, line1, line2, postal_code, city, region, country, version, created_at,
    updated_at FROM address WHERE account_id = ?1 ORDER BY created_at, id";

pub(super) fn list(conn: &Connection, owner: UserId) -> Result<Vec<Entry>, StoreError> {
    let entries = conn
        .prepare_cached(LIST)?
        .query_map([owner.to_string()], entry)?
        .collect::<Result<_, _>>()?;
    Ok(entries)
}

const ONE: &str = "SELECT id, name, line1, line2, postal_code, city, region, country, version, created_at, updated_at
    FROM address WHERE id = ?1 AND account_id = ?2";

pub(super) fn one(
    conn: &Connection,
    owner: UserId,
    id: AddressId,
) -> Result<Option<Entry>, StoreError> {
    let entry = conn
        .prepare_cached(ONE)?
        .query_row([id.to_string(), owner.to_string()], entry)
        .optional()?;
    Ok(entry)
}

/// The entry as the caller has to have seen it.
fn seen(
    conn: &Connection,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
) -> Result<Entry, ChangeError> {
    let entry = one(conn, owner, id)?.ok_or(ChangeError::NotFound)?;
    if if_match.matches(entry.version) {
        Ok(entry)
    } else {
        Err(ChangeError::Stale)
    }
}

pub(super) fn edit(
    conn: &Connection,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
    edit: &Edit,
    now: Timestamp,
) -> Result<Entry, ChangeError> {
    let before = seen(conn, owner, id, if_match)?;
    let address = edit(before.address.clone());
    if address == before.address {
        return Ok(before);
    }
    let after = Entry {
        address,
        version: before.version + 1,
        updated_at: now,
        ..before
    };
    conn.prepare_cached("DELETE FROM address WHERE id = ?1")
        .and_then(|mut delete| delete.execute([id.to_string()]))
        .map_err(StoreError::from)?;
    insert(conn, owner, &after)?;
    Ok(after)
}

pub(super) fn remove(
    conn: &Connection,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
) -> Result<(), ChangeError> {
    seen(conn, owner, id, if_match)?;
    conn.prepare_cached("DELETE FROM address WHERE id = ?1")
        .and_then(|mut delete| delete.execute([id.to_string()]))
        .map_err(StoreError::from)?;
    Ok(())
}

/// Reads a row of [`LIST`] or [`ONE`].
fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: text(row, 0)?,
        address: Address {
            name: line(row, 1)?,
            line1: line(row, 2)?,
            line2: optional_line(row, 3)?,
            postal_code: line(row, 4)?,
            city: line(row, 5)?,
            region: optional_line(row, 6)?,
            country: Country::try_from(row.get_ref(7)?.as_str()?)
                .map_err(|why| unexpected(7, why))?,
        },
        version: row.get(8)?,
        created_at: time(row, 9)?,
        updated_at: time(row, 10)?,
    })
}

fn line(row: &Row<'_>, column: usize) -> rusqlite::Result<AddressText> {
    AddressText::try_from(row.get_ref(column)?.as_str()?).map_err(|why| unexpected(column, why))
}

fn optional_line(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<AddressText>> {
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => AddressText::try_from(text)
            .map(Some)
            .map_err(|why| unexpected(column, why)),
    }
}
