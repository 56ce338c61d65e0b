//! Commands on sign-ins and passwords.

use std::time::Duration;

use contracts::{SessionId, Timestamp, UserId};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sqlite_store::StoreError;

use super::rows::{roles, text, time, unexpected};
use crate::domain::{AT_ONCE, PasswordHash, Session, TokenHash};
use crate::store::{Credentials, Identity, Refreshed, SignIn, Successors};

pub(super) fn sign_in(
    conn: &Connection,
    sign_in: &SignIn,
    most: u32,
    now: Timestamp,
) -> Result<Option<Identity>, StoreError> {
    let account = sign_in.user_id.to_string();
    let hash = sign_in.renewed.as_ref().unwrap_or(&sign_in.verified);
    let unchanged = conn
        .prepare_cached(
            "UPDATE account SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        )?
        .execute(params![account, sign_in.verified.0, hash.0])?;
    if unchanged == 0 {
        return Ok(None);
    }
    let session = &sign_in.session;
    conn.prepare_cached(
        "INSERT INTO session (id, account_id, client, created_at, last_used_at, ends_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        session.id.to_string(),
        account,
        session.client,
        session.created_at.unix_millis(),
        session.last_used_at.unix_millis(),
        session.ends_at.unix_millis(),
    ])?;
    issue(conn, session.id, sign_in.token, sign_in.token_ends_at)?;
    conn.prepare_cached(
        "UPDATE session SET ended_at = ?3, end_reason = 'too_many'
         WHERE id IN (SELECT id FROM session WHERE account_id = ?1 AND ended_at IS NULL AND id <> ?4
                      ORDER BY created_at DESC LIMIT -1 OFFSET ?2 - 1)",
    )?
    .execute(params![
        account,
        most.max(1),
        now.unix_millis(),
        session.id.to_string()
    ])?;
    identity(conn, session.id)
}

fn issue(
    conn: &Connection,
    session: SessionId,
    token: TokenHash,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO refresh_token (hash, session_id, state, ends_at) VALUES (?1, ?2, 'active', ?3)",
    )?
    .execute(params![token.0, session.to_string(), ends_at.unix_millis()])?;
    Ok(())
}

fn identity(conn: &Connection, session: SessionId) -> Result<Option<Identity>, StoreError> {
    let identity = conn
        .prepare_cached(
            "SELECT account_id, id, ends_at,
               (SELECT group_concat(role) FROM account_role r WHERE r.account_id = session.account_id)
             FROM session WHERE id = ?1",
        )?
        .query_row([session.to_string()], |row| {
            Ok(Identity {
                user_id: text(row, 0)?,
                session_id: text(row, 1)?,
                session_ends_at: time(row, 2)?,
                roles: roles(row, 3)?,
            })
        })
        .optional()?;
    Ok(identity)
}

/// How a refresh token stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not used.
    Active,
    /// Used once, and its successor is not used.
    Repeatable,
    /// Used up, or replaced before it was used.
    Spent,
}

struct Token {
    session: SessionId,
    state: State,
    /// When it or its session ends.
    ends_at: Timestamp,
    session_ends_at: Timestamp,
    /// When its session was carried on last.
    last_used_at: Timestamp,
    /// Why its session was ended.
    end_reason: Option<String>,
}

fn token(conn: &Connection, hash: TokenHash) -> Result<Option<Token>, StoreError> {
    let token = conn
        .prepare_cached(
            "SELECT s.id, t.state, min(t.ends_at, s.ends_at), s.ends_at, s.last_used_at, s.end_reason
             FROM refresh_token t JOIN session s ON s.id = t.session_id WHERE t.hash = ?1",
        )?
        .query_row([hash.0], |row| {
            Ok(Token {
                session: text(row, 0)?,
                state: state(row, 1)?,
                ends_at: time(row, 2)?,
                session_ends_at: time(row, 3)?,
                last_used_at: time(row, 4)?,
                end_reason: row.get(5)?,
            })
        })
        .optional()?;
    Ok(token)
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    match row.get_ref(column)?.as_str()? {
        "active" => Ok(State::Active),
        "repeatable" => Ok(State::Repeatable),
        "spent" => Ok(State::Spent),
        other => Err(unexpected(column, format!("state {other}"))),
    }
}

/// Whether this is the token that the session's client should use next.
fn is_active(conn: &Connection, session: SessionId, hash: TokenHash) -> Result<bool, StoreError> {
    let active = conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM refresh_token WHERE hash = ?1 AND session_id = ?2 AND state = 'active')",
        )?
        .query_row(params![hash.0, session.to_string()], |row| row.get(0))?;
    Ok(active)
}

/// The three stories behind a used token: two tabs of a browser refresh at once, its owner lost the reply and asks again, or a
/// thief and its owner both have it.
///
/// The first is over within moments: until then a used token gives the successor it gave, as long as that is unused.
///
/// The second is possible once, and only as long as nobody has used the successor that the lost reply carried. So a used
/// token may be repeated once in that time, and the unused successor is replaced with it; if the successor turns up later
/// all the same, somebody else read that reply. Everything but that one repetition is taken for theft, which ends the
/// session for both.
pub(super) fn refresh(
    conn: &Connection,
    hash: TokenHash,
    successors: Successors,
    idle: Duration,
    now: Timestamp,
) -> Result<Refreshed, StoreError> {
    let Some(token) = token(conn, hash)? else {
        return Ok(Refreshed::Unknown);
    };
    match token.end_reason.as_deref() {
        None => {}
        Some("reused") => return Ok(Refreshed::Reused),
        Some(_) => return Ok(Refreshed::Unknown),
    }
    if token.session_ends_at <= now {
        return Ok(Refreshed::Expired);
    }
    if token.state == State::Spent {
        end(conn, token.session, "reused", now)?;
        return Ok(Refreshed::Reused);
    }
    if token.ends_at <= now {
        return Ok(Refreshed::Expired);
    }
    let at_once = token.state == State::Repeatable && now.since(token.last_used_at) <= AT_ONCE;
    if at_once && is_active(conn, token.session, successors.first)? {
        let identity = identity(conn, token.session)?;
        return Ok(identity.map_or(Refreshed::Unknown, Refreshed::Concurrent));
    }
    let successor = if token.state == State::Active {
        successors.first
    } else {
        successors.replacement
    };
    // What came before is used up now: the token before, and on a repetition the successor that never arrived.
    conn.prepare_cached(
        "UPDATE refresh_token SET state = 'spent' WHERE session_id = ?1 AND state <> 'spent'",
    )?
    .execute([token.session.to_string()])?;
    if token.state == State::Active {
        conn.prepare_cached("UPDATE refresh_token SET state = 'repeatable' WHERE hash = ?1")?
            .execute([hash.0])?;
    }
    let ends_at = now.plus(idle).min(token.session_ends_at);
    issue(conn, token.session, successor, ends_at)?;
    conn.prepare_cached("UPDATE session SET last_used_at = ?2 WHERE id = ?1")?
        .execute(params![token.session.to_string(), now.unix_millis()])?;
    let Some(identity) = identity(conn, token.session)? else {
        return Ok(Refreshed::Unknown);
    };
    Ok(if token.state == State::Active {
        Refreshed::Rotated(identity)
    } else {
        Refreshed::Repeated(identity)
    })
}

fn end(
    conn: &Connection,
    session: SessionId,
    reason: &'static str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = conn
        .prepare_cached(
            "UPDATE session SET ended_at = ?2, end_reason = ?3 WHERE id = ?1 AND ended_at IS NULL",
        )?
        .execute(params![session.to_string(), now.unix_millis(), reason])?;
    Ok(ended > 0)
}

pub(super) fn sign_out(
    conn: &Connection,
    hash: TokenHash,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some(token) = token(conn, hash)? {
        end(conn, token.session, "signed_out", now)?;
    }
    Ok(())
}

pub(super) fn end_one(
    conn: &Connection,
    user_id: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = conn
        .prepare_cached(
            "UPDATE session SET ended_at = ?3, end_reason = 'signed_out'
             WHERE id = ?1 AND account_id = ?2 AND ended_at IS NULL AND ends_at > ?3",
        )?
        .execute(params![
            session.to_string(),
            user_id.to_string(),
            now.unix_millis()
        ])?;
    Ok(ended > 0)
}

pub(super) const LIST: &str = "SELECT id, client, created_at, last_used_at, ends_at FROM session
    WHERE account_id = ?1 AND ended_at IS NULL AND ends_at > ?2 ORDER BY created_at DESC, id DESC";

pub(super) fn list(
    conn: &Connection,
    user_id: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let sessions = conn
        .prepare_cached(LIST)?
        .query_map(params![user_id.to_string(), now.unix_millis()], |row| {
            Ok(Session {
                id: text(row, 0)?,
                client: row.get(1)?,
                created_at: time(row, 2)?,
                last_used_at: time(row, 3)?,
                ends_at: time(row, 4)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(sessions)
}

pub(super) fn change_password(
    conn: &Connection,
    verified: &Credentials,
    new: &PasswordHash,
    keep: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let account = verified.user_id.to_string();
    let changed = conn
        .prepare_cached(
            "UPDATE account SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        )?
        .execute(params![account, verified.password_hash.0, new.0])?;
    if changed == 0 {
        return Ok(false);
    }
    conn.prepare_cached(
        "UPDATE session SET ended_at = ?3, end_reason = 'password_changed'
         WHERE account_id = ?1 AND id <> ?2 AND ended_at IS NULL",
    )?
    .execute(params![account, keep.to_string(), now.unix_millis()])?;
    Ok(true)
}

pub(super) const FORGET: &str = "DELETE FROM session WHERE id IN (SELECT id FROM session
    WHERE min(ends_at, coalesce(ended_at, ends_at)) < ?1 LIMIT ?2)";

pub(super) fn forget(
    conn: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<usize, StoreError> {
    Ok(conn
        .prepare_cached(FORGET)?
        .execute(params![before.unix_millis(), limit])?)
}
