//! Refresh tokens. A token's own document never changes: its session says which one is to be used next, so that all uses of
//! one session's tokens meet in one document.

use std::time::Duration;

use contracts::Timestamp;
use mongo_store::Transaction;
use mongo_store::mongodb::bson::{Document, doc};
use serde::Deserialize;
use store_kit::StoreError;

use super::documents::{RolesRow, SessionRow, TokenRow, binary};
use super::schema::{ACCOUNT, SESSION, TOKEN};
use super::sessions::end;
use crate::domain::account::complete;
use crate::domain::{AT_ONCE, TokenHash};
use crate::store::{Identity, Refreshed, StoreFailure, Successors};

/// A token with its session, and what the session's owner may do.
#[derive(Deserialize)]
struct Found {
    ends_at: i64,
    session: SessionRow,
    account: RolesRow,
}

impl Found {
    fn identity(self) -> Identity {
        Identity {
            user_id: self.session.account_id,
            session_id: self.session.id,
            session_ends_at: self.session.ends_at(),
            roles: complete(self.account.roles),
        }
    }
}

async fn find(tx: &mut Transaction, hash: TokenHash) -> Result<Option<Found>, StoreError> {
    let pipeline = vec![
        doc! { "$match": { "_id": binary(hash) } },
        doc! { "$lookup": {
            "from": SESSION, "localField": "session_id", "foreignField": "_id", "as": "session",
        } },
        doc! { "$unwind": "$session" },
        doc! { "$lookup": {
            "from": ACCOUNT, "localField": "session.account_id", "foreignField": "_id", "as": "account",
            "pipeline": [{ "$project": { "roles": 1 } }],
        } },
        doc! { "$unwind": "$account" },
    ];
    Ok(tx.aggregate(TOKEN, pipeline).await?.pop())
}

/// The three stories behind a used token are told in `store/sqlite/sessions.rs`; this is what they come to here.
pub(super) async fn refresh(
    tx: &mut Transaction,
    hash: TokenHash,
    successors: &Successors,
    idle: Duration,
    now: Timestamp,
) -> Result<Refreshed, StoreFailure> {
    let Some(found) = find(tx, hash).await? else {
        return Ok(Refreshed::Unknown);
    };
    let session = &found.session;
    match session.end_reason.as_deref() {
        None => {}
        Some("reused") => return Ok(Refreshed::Reused),
        Some(_) => return Ok(Refreshed::Unknown),
    }
    if session.ends_at() <= now {
        return Ok(Refreshed::Expired);
    }
    let is_first_use = session.active == binary(hash);
    if !is_first_use && session.repeatable != Some(binary(hash)) {
        change(tx, session, end("reused", now)).await?;
        return Ok(Refreshed::Reused);
    }
    if found.ends_at <= now.unix_millis() {
        return Ok(Refreshed::Expired);
    }
    if is_first_use {
        // If the reply is lost, this token may be shown once more.
        carry_on(tx, session, successors.first, Some(hash), idle, now).await?;
        return Ok(Refreshed::Rotated(found.identity()));
    }
    let at_once = now.since(session.last_used_at()) <= AT_ONCE;
    if at_once && session.active == binary(successors.first) {
        return Ok(Refreshed::Concurrent(found.identity()));
    }
    carry_on(tx, session, successors.replacement, None, idle, now).await?;
    Ok(Refreshed::Repeated(found.identity()))
}

/// Gives the session its next token. What came before is used up now: the token before, and on a repetition the successor
/// that never arrived.
async fn carry_on(
    tx: &mut Transaction,
    session: &SessionRow,
    successor: TokenHash,
    repeatable: Option<TokenHash>,
    idle: Duration,
    now: Timestamp,
) -> Result<(), StoreError> {
    let next = doc! { "$set": {
        "active": binary(successor),
        "repeatable": repeatable.map(binary),
        "last_used_at": now.unix_millis(),
    } };
    // First the document in which uses of one session meet: who comes second has done little in vain.
    change(tx, session, next).await?;
    let ends_at = now.plus(idle).min(session.ends_at());
    let token = TokenRow::new(successor, session.id, ends_at);
    tx.insert(TOKEN, &[token]).await
}

async fn change(
    tx: &mut Transaction,
    session: &SessionRow,
    update: Document,
) -> Result<(), StoreError> {
    let session = doc! { "_id": session.id.to_string() };
    tx.update_one(SESSION, session, update).await.map(drop)
}
