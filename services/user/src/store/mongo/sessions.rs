//! Commands and queries on sign-ins and passwords.

use contracts::{SessionId, Timestamp, UserId};
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::mongodb::options::FindOptions;
use mongo_store::{Database, Transaction};
use store_kit::StoreError;

use super::documents::{IdRow, RolesRow, SessionRow, TokenRow, binary};
use super::schema::{ACCOUNT, SESSION, TOKEN};
use crate::domain::account::complete;
use crate::domain::{PasswordHash, Session, TokenHash};
use crate::store::{Credentials, Identity, SignIn, StoreFailure};

pub(super) async fn sign_in(
    tx: &mut Transaction,
    sign_in: &SignIn,
    most: u32,
    now: Timestamp,
) -> Result<Option<Identity>, StoreFailure> {
    let hash = sign_in.renewed.as_ref().unwrap_or(&sign_in.verified);
    // Counting makes sign-ins of one account, and changes of its password, meet here.
    let unchanged: Option<RolesRow> = tx
        .find_one_and_update(
            ACCOUNT,
            doc! { "_id": sign_in.user_id.to_string(), "password_hash": &sign_in.verified.0 },
            doc! { "$set": { "password_hash": &hash.0 }, "$inc": { "sign_ins": 1_i64 } },
        )
        .await?;
    let Some(account) = unchanged else {
        return Ok(None);
    };
    let session = &sign_in.session;
    let token = TokenRow::new(sign_in.token, session.id, sign_in.token_ends_at);
    tx.insert(TOKEN, &[token]).await?;
    end_surplus(tx, sign_in, most, now).await?;
    let row = SessionRow::new(session, sign_in.user_id, sign_in.token);
    tx.insert(SESSION, &[row]).await?;
    Ok(Some(Identity {
        user_id: sign_in.user_id,
        session_id: session.id,
        roles: complete(account.roles),
        session_ends_at: session.ends_at,
    }))
}

/// Ends the oldest sessions, so that there is room for one more.
async fn end_surplus(
    tx: &mut Transaction,
    sign_in: &SignIn,
    most: u32,
    now: Timestamp,
) -> Result<(), StoreError> {
    let live = doc! { "account_id": sign_in.user_id.to_string(), "live": true };
    let options = FindOptions::builder()
        .sort(doc! { "created_at": -1, "_id": -1 })
        .skip(u64::from(most.max(1) - 1))
        .projection(doc! { "_id": 1 })
        .build();
    let surplus: Vec<IdRow> = tx.find(SESSION, live, Some(options)).await?;
    if surplus.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = surplus.into_iter().map(|row| row.id).collect();
    tx.update_many(
        SESSION,
        doc! { "_id": { "$in": ids } },
        end("too_many", now),
    )
    .await?;
    Ok(())
}

/// What ends a session that has not ended.
pub(super) fn end(reason: &'static str, now: Timestamp) -> Document {
    let now = now.unix_millis();
    doc! {
        "$set": { "ended_at": now, "end_reason": reason },
        "$unset": { "live": "" },
        "$min": { "over_at": now },
    }
}

/// The session that a token, used or not, belongs to.
pub(super) async fn of_token(
    database: &Database,
    hash: TokenHash,
) -> Result<Option<SessionId>, StoreError> {
    let tokens = database.collection::<TokenRow>(TOKEN);
    let row = database.run(tokens.find_one(doc! { "_id": binary(hash) }));
    Ok(row.await?.map(|row| row.session_id))
}

pub(super) async fn list(
    database: &Database,
    user_id: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let sessions = database.collection::<SessionRow>(SESSION);
    let live = doc! {
        "account_id": user_id.to_string(),
        "live": true,
        "ends_at": { "$gt": now.unix_millis() },
    };
    let list = async {
        let list = sessions
            .find(live)
            .sort(doc! { "created_at": -1, "_id": -1 });
        list.await?.try_collect::<Vec<_>>().await
    };
    let list = database.run(list).await?;
    Ok(list.into_iter().map(Into::into).collect())
}

pub(super) async fn change_password(
    tx: &mut Transaction,
    verified: &Credentials,
    new: &PasswordHash,
    keep: SessionId,
    now: Timestamp,
) -> Result<bool, StoreFailure> {
    let account = verified.user_id.to_string();
    let unchanged = doc! { "_id": &account, "password_hash": &verified.password_hash.0 };
    let changed = doc! { "$set": { "password_hash": &new.0 } };
    let changed = tx.update_one(ACCOUNT, unchanged, changed).await?;
    if changed.matched_count == 0 {
        return Ok(false);
    }
    let others = doc! { "account_id": account, "live": true, "_id": { "$ne": keep.to_string() } };
    tx.update_many(SESSION, others, end("password_changed", now))
        .await?;
    Ok(true)
}

/// Tokens go first: a session that is left without them is found again.
pub(super) async fn forget(
    database: &Database,
    before: Timestamp,
    limit: u32,
) -> Result<usize, StoreError> {
    let sessions = database.collection::<IdRow>(SESSION);
    let tokens = database.collection::<Document>(TOKEN);
    let forgotten = async {
        let over = sessions
            .find(doc! { "over_at": { "$lt": before.unix_millis() } })
            .sort(doc! { "over_at": 1 })
            .limit(i64::from(limit))
            .projection(doc! { "_id": 1 });
        let over: Vec<IdRow> = over.await?.try_collect().await?;
        if over.is_empty() {
            return Ok(0);
        }
        let ids: Vec<String> = over.into_iter().map(|row| row.id).collect();
        tokens
            .delete_many(doc! { "session_id": { "$in": &ids } })
            .await?;
        let forgotten = sessions.delete_many(doc! { "_id": { "$in": ids } });
        Ok(forgotten.await?.deleted_count)
    };
    let forgotten = database.run(forgotten).await?;
    Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
}
