//! Commands and queries on address books.

use contracts::{AddressId, Timestamp, UserId};
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Document, doc, serialize_to_bson};
use mongo_store::mongodb::options::FindOptions;
use mongo_store::{Database, Transaction, idempotency};
use service_kit::http::etag::IfMatch;
use store_kit::{KeptReply, StoreError};

use super::documents::{EntryRow, IdRow};
use super::schema::{ACCOUNT, ADDRESS};
use crate::store::{Added, ChangeError, Edit, Entry, Retry, StoreFailure};

/// The document must be there and is not.
#[derive(Debug, thiserror::Error)]
enum Missing {
    #[error("an address was to be written down for an account that does not exist")]
    Account,
    #[error("an idempotency key names no address")]
    Address,
}

pub(super) async fn add(
    tx: &mut Transaction,
    owner: UserId,
    entry: &Entry,
    retry: Option<&Retry>,
    most: u32,
) -> Result<Added, StoreFailure> {
    let caller = owner.to_string();
    if let Some(retry) = retry
        && let Some(stored) = idempotency::find(tx, &caller, &retry.key).await?
    {
        return Ok(replayed(tx, owner, retry, &stored).await?);
    }
    // Two who see room for one more meet here, and the second one looks again.
    let owner_row = doc! { "_id": &caller };
    let counted = doc! { "$inc": { "addresses_added": 1_i64 } };
    let counted = tx.update_one(ACCOUNT, owner_row, counted).await?;
    if counted.matched_count == 0 {
        return Err(StoreError::broken(Missing::Account).into());
    }
    let options = FindOptions::builder()
        .projection(doc! { "_id": 1 })
        .limit(i64::from(most))
        .build();
    let theirs = doc! { "account_id": &caller };
    let kept: Vec<IdRow> = tx.find(ADDRESS, theirs, Some(options)).await?;
    if u32::try_from(kept.len()).unwrap_or(u32::MAX) >= most {
        return Ok(Added::Full);
    }
    tx.insert(ADDRESS, &[EntryRow::new(owner, entry)]).await?;
    if let Some(retry) = retry {
        let reply = KeptReply {
            fingerprint: retry.fingerprint.clone(),
            status: 201,
            object_id: entry.id.to_string(),
            location: None,
        };
        idempotency::record(tx, &caller, &retry.key, &reply, entry.created_at).await?;
    }
    Ok(Added::Done(entry.clone()))
}

async fn replayed(
    tx: &mut Transaction,
    owner: UserId,
    retry: &Retry,
    stored: &KeptReply,
) -> Result<Added, StoreError> {
    if stored.fingerprint != retry.fingerprint {
        return Ok(Added::KeyReused);
    }
    let id: AddressId = stored
        .object_id
        .parse()
        .map_err(|_| StoreError::broken(Missing::Address))?;
    let row: Option<EntryRow> = tx.find_one(ADDRESS, theirs(owner, id), None).await?;
    Ok(row.map_or(Added::Gone, |row| Added::Replayed(row.into())))
}

pub(super) async fn list(database: &Database, owner: UserId) -> Result<Vec<Entry>, StoreError> {
    let addresses = database.collection::<EntryRow>(ADDRESS);
    let list = async {
        let list = addresses
            .find(doc! { "account_id": owner.to_string() })
            .sort(doc! { "created_at": 1, "_id": 1 });
        list.await?.try_collect::<Vec<_>>().await
    };
    let list = database.run(list).await?;
    Ok(list.into_iter().map(Into::into).collect())
}

pub(super) async fn one(
    database: &Database,
    owner: UserId,
    id: AddressId,
) -> Result<Option<Entry>, StoreError> {
    let addresses = database.collection::<EntryRow>(ADDRESS);
    let row = database.run(addresses.find_one(theirs(owner, id))).await?;
    Ok(row.map(Into::into))
}

/// Whose it is belongs to the question.
fn theirs(owner: UserId, id: AddressId) -> Document {
    doc! { "_id": id.to_string(), "account_id": owner.to_string() }
}

/// The entry as the caller has to have seen it.
async fn seen(
    tx: &mut Transaction,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
) -> Result<Entry, ChangeError> {
    let row: Option<EntryRow> = tx.find_one(ADDRESS, theirs(owner, id), None).await?;
    let entry = Entry::from(row.ok_or(ChangeError::NotFound)?);
    if if_match.matches(entry.version) {
        Ok(entry)
    } else {
        Err(ChangeError::Stale)
    }
}

pub(super) async fn edit(
    tx: &mut Transaction,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
    edit: &Edit,
    now: Timestamp,
) -> Result<Entry, ChangeError> {
    let before = seen(tx, owner, id, if_match).await?;
    let address = edit(before.address.clone());
    if address == before.address {
        return Ok(before);
    }
    let written = serialize_to_bson(&address).map_err(StoreError::broken)?;
    let next = doc! {
        "$set": { "address": written, "updated_at": now.unix_millis() },
        "$inc": { "version": 1_i64 },
    };
    tx.update_one(ADDRESS, theirs(owner, id), next).await?;
    Ok(Entry {
        address,
        version: before.version + 1,
        updated_at: now,
        ..before
    })
}

pub(super) async fn remove(
    tx: &mut Transaction,
    owner: UserId,
    id: AddressId,
    if_match: IfMatch,
) -> Result<(), ChangeError> {
    seen(tx, owner, id, if_match).await?;
    tx.delete_many(ADDRESS, theirs(owner, id)).await?;
    Ok(())
}
