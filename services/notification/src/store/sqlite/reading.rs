//! Notifications as their readers see them.

use contracts::{NotificationId, Timestamp, UserId};
use rusqlite::{Connection, params};

use crate::store::sqlite::rows::{self, NOTIFICATION_COLUMNS};
use crate::store::{News, Notification, StoreFailure};

pub(super) fn list_sql(unread_only: bool) -> String {
    let unread = if unread_only {
        " AND read_at IS NULL"
    } else {
        ""
    };
    format!(
        "SELECT {NOTIFICATION_COLUMNS} FROM notifications WHERE user_id = ?1 AND stream_seq < ?2{unread} \
         ORDER BY stream_seq DESC LIMIT ?3"
    )
}

/// The newest first.
pub(super) fn list(
    conn: &Connection,
    reader: UserId,
    unread_only: bool,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Notification>, StoreFailure> {
    Ok(conn
        .prepare_cached(&list_sql(unread_only))?
        .query_map(
            params![reader.to_string(), before.unwrap_or(i64::MAX), limit],
            rows::notification,
        )?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) const COUNT_UNREAD: &str =
    "SELECT count(*) FROM notifications WHERE user_id = ?1 AND read_at IS NULL";

pub(super) fn count_unread(conn: &Connection, reader: UserId) -> Result<u64, StoreFailure> {
    Ok(conn
        .prepare_cached(COUNT_UNREAD)?
        .query_row([reader.to_string()], |row| row.get(0))?)
}

/// Whose it is belongs to the statement, so that somebody else's is not there. The first time of reading stays.
pub(super) fn mark_read(
    conn: &Connection,
    reader: UserId,
    id: NotificationId,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let marked = conn
        .prepare_cached(
            "UPDATE notifications SET read_at = coalesce(read_at, ?3) WHERE id = ?1 AND user_id = ?2",
        )?
        .execute(params![
            id.to_string(),
            reader.to_string(),
            now.unix_millis()
        ])?;
    Ok(marked == 1)
}

pub(super) fn mark_all_read(
    conn: &Connection,
    reader: UserId,
    now: Timestamp,
) -> Result<(), StoreFailure> {
    conn.prepare_cached(
        "UPDATE notifications SET read_at = ?2 WHERE user_id = ?1 AND read_at IS NULL",
    )?
    .execute(params![reader.to_string(), now.unix_millis()])?;
    Ok(())
}

pub(super) fn stream_sql() -> String {
    format!(
        "SELECT {NOTIFICATION_COLUMNS} FROM notifications WHERE user_id = ?1 AND stream_seq > ?2 \
         ORDER BY stream_seq LIMIT ?3"
    )
}

/// The oldest first.
pub(super) fn stream_after(
    conn: &Connection,
    reader: UserId,
    after: i64,
    limit: u32,
) -> Result<Vec<Notification>, StoreFailure> {
    Ok(conn
        .prepare_cached(&stream_sql())?
        .query_map(
            params![reader.to_string(), after, limit],
            rows::notification,
        )?
        .collect::<rusqlite::Result<_>>()?)
}

/// The last position, also after the row there was swept.
pub(super) fn last_position(conn: &Connection) -> Result<i64, StoreFailure> {
    Ok(conn
        .prepare_cached(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notifications'), 0)",
        )?
        .query_row([], |row| row.get(0))?)
}

pub(super) const NEWS: &str =
    "SELECT position, user_id FROM notifications WHERE position > ?1 ORDER BY position LIMIT ?2";

/// Rows become visible in the order of their positions, because one writer commits them: what was passed stays passed.
pub(super) fn news_after(
    conn: &Connection,
    position: i64,
    limit: u32,
) -> Result<News, StoreFailure> {
    let mut news = News {
        accounts: Vec::new(),
        position,
    };
    let mut statement = conn.prepare_cached(NEWS)?;
    let mut found = statement.query(params![position, limit])?;
    while let Some(row) = found.next()? {
        news.position = row.get(0)?;
        news.accounts.push(rows::parsed(row, 1)?);
    }
    news.accounts.sort_unstable();
    news.accounts.dedup();
    Ok(news)
}
