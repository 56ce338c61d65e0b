//! Commands and queries on accounts.

use contracts::events::user::{UserProfileUpdated, UserRegistered, UserRolesChanged};
use contracts::{Event, Role, UserId};
use futures_util::TryStreamExt as _;
use mongo_store::mongodb::bson::{Document, doc, serialize_to_bson};
use mongo_store::mongodb::options::{FindOneOptions, FindOptions};
use mongo_store::{Database, Transaction};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use store_kit::StoreError;

use super::documents::{AccountRow, CredentialsRow, IdRow, NewAccountRow, position, written};
use super::schema::{ACCOUNT, GATE};
use super::{event, tell};
use crate::domain::account::complete;
use crate::domain::{Account, Name};
use crate::store::{AccountPage, ChangeError, Credentials, NewAccount, Retold, StoreFailure};

pub(super) async fn register(
    tx: &mut Transaction,
    new: &NewAccount,
    context: &Context,
) -> Result<bool, StoreFailure> {
    let email = doc! { "email": new.email.as_str() };
    let known: Option<IdRow> = tx.find_one(ACCOUNT, email, Some(only_id())).await?;
    if let Some(known) = known {
        // Without two writes and a commit the answer would come sooner than for a new address.
        for _ in 0..2 {
            let attempt = doc! { "$inc": { "attempts": 1_i64 } };
            tx.update_one(ACCOUNT, doc! { "_id": &known.id }, attempt)
                .await?;
        }
        return Ok(false);
    }
    tx.insert(ACCOUNT, &[NewAccountRow::new(new, context.now)])
        .await?;
    let registered = UserRegistered {
        user_id: new.id,
        email: new.email.as_str().to_owned(),
        name: new.name.as_str().to_owned(),
        roles: complete(new.roles.clone()),
    };
    tell(tx, new.id, 1, registered, context).await?;
    Ok(true)
}

fn only_id() -> FindOneOptions {
    FindOneOptions::builder()
        .projection(doc! { "_id": 1 })
        .build()
}

/// The account as the caller has to have seen it.
async fn seen(tx: &mut Transaction, id: UserId, if_match: IfMatch) -> Result<Account, ChangeError> {
    let row: Option<AccountRow> = tx
        .find_one(ACCOUNT, doc! { "_id": id.to_string() }, None)
        .await?;
    let account = Account::from(row.ok_or(ChangeError::NotFound)?);
    if if_match.matches(account.version) {
        Ok(account)
    } else {
        Err(ChangeError::Stale)
    }
}

pub(super) async fn rename(
    tx: &mut Transaction,
    id: UserId,
    if_match: IfMatch,
    name: Option<&Name>,
    context: &Context,
) -> Result<Account, ChangeError> {
    let before = seen(tx, id, if_match).await?;
    let Some(name) = name.filter(|name| **name != before.name) else {
        return Ok(before);
    };
    let name = name.clone();
    let written = doc! { "name": name.as_str() };
    let after = write(tx, Account { name, ..before }, written, context).await?;
    let updated = UserProfileUpdated {
        user_id: id,
        email: after.email.as_str().to_owned(),
        name: after.name.as_str().to_owned(),
    };
    tell(tx, id, after.version, updated, context).await?;
    Ok(after)
}

pub(super) async fn set_roles(
    tx: &mut Transaction,
    id: UserId,
    if_match: IfMatch,
    roles: &[Role],
    context: &Context,
) -> Result<Account, ChangeError> {
    let before = seen(tx, id, if_match).await?;
    let roles = complete(roles.to_vec());
    if roles == before.roles {
        return Ok(before);
    }
    let steps_down = before.roles.contains(&Role::Admin) && !roles.contains(&Role::Admin);
    if steps_down && !another_administrator(tx, id).await? {
        return Err(ChangeError::LastAdministrator);
    }
    let names = serialize_to_bson(&written(&roles)).map_err(StoreError::broken)?;
    let after = Account { roles, ..before };
    let after = write(tx, after, doc! { "roles": names }, context).await?;
    let changed = UserRolesChanged {
        user_id: id,
        roles: after.roles.clone(),
    };
    tell(tx, id, after.version, changed, context).await?;
    Ok(after)
}

/// Two who step down at once each see the other one still in office; so all who step down write one document, and the
/// second one looks again.
async fn another_administrator(tx: &mut Transaction, id: UserId) -> Result<bool, StoreError> {
    let gate = doc! { "_id": "administrators" };
    tx.upsert(GATE, gate, doc! { "$inc": { "changes": 1_i64 } })
        .await?;
    let another = doc! { "roles": "admin", "_id": { "$ne": id.to_string() } };
    let another: Option<IdRow> = tx.find_one(ACCOUNT, another, Some(only_id())).await?;
    Ok(another.is_some())
}

/// Writes what an account has become, as its next version.
async fn write(
    tx: &mut Transaction,
    account: Account,
    mut changed: Document,
    context: &Context,
) -> Result<Account, StoreError> {
    let account = Account {
        version: account.version + 1,
        updated_at: context.now,
        ..account
    };
    changed.insert("updated_at", context.now.unix_millis());
    let next = doc! { "$set": changed, "$inc": { "version": 1_i64 } };
    tx.update_one(ACCOUNT, doc! { "_id": account.id.to_string() }, next)
        .await?;
    Ok(account)
}

/// Tells again how a batch of accounts is: one read, one write.
pub(super) async fn retell(
    tx: &mut Transaction,
    after: Option<UserId>,
    limit: u32,
    context: &Context,
) -> Result<Option<Retold>, StoreFailure> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let options = FindOptions::builder()
        .sort(doc! { "_id": 1 })
        .limit(i64::from(limit))
        .projection(doc! { "password_hash": 0 })
        .build();
    let later = doc! { "_id": { "$gt": after } };
    let batch: Vec<AccountRow> = tx.find(ACCOUNT, later, Some(options)).await?;
    let batch: Vec<Account> = batch.into_iter().map(Into::into).collect();
    let events: Vec<Event> = batch
        .iter()
        .flat_map(|account| {
            let retold = account.retold().into_iter();
            retold.map(|payload| event(account.id, account.version, payload, context))
        })
        .collect();
    messaging::mongo::append_outbox(tx, &events, context.traceparent.as_deref()).await?;
    Ok(Retold::of(&batch))
}

pub(super) async fn one(database: &Database, id: UserId) -> Result<Option<Account>, StoreError> {
    let accounts = database.collection::<AccountRow>(ACCOUNT);
    let row = accounts
        .find_one(doc! { "_id": id.to_string() })
        .projection(doc! { "password_hash": 0 });
    Ok(database.run(row).await?.map(Into::into))
}

pub(super) async fn credentials(
    database: &Database,
    filter: Document,
) -> Result<Option<Credentials>, StoreError> {
    let accounts = database.collection::<CredentialsRow>(ACCOUNT);
    let row = accounts
        .find_one(filter)
        .projection(doc! { "password_hash": 1 });
    Ok(database.run(row).await?.map(Into::into))
}

pub(super) async fn list(
    database: &Database,
    page: AccountPage,
    limit: u32,
) -> Result<Vec<Account>, StoreError> {
    let (filter, order) = match page {
        AccountPage::Newest { after: None } => (doc! {}, doc! { "sequence": -1 }),
        AccountPage::Newest { after: Some(after) } => {
            let older = doc! { "sequence": { "$lt": position(after) } };
            (older, doc! { "sequence": -1 })
        }
        AccountPage::ByEmail { prefix, after } => {
            // No address has a character beyond ASCII, so this is the end of all that begin so.
            let end = format!("{prefix}{}", char::MAX);
            let after = after.unwrap_or_default();
            let alike = doc! { "email": { "$gte": prefix, "$lt": end, "$gt": after } };
            (alike, doc! { "email": 1 })
        }
    };
    let accounts = database.collection::<AccountRow>(ACCOUNT);
    let page = async {
        let page = accounts
            .find(filter)
            .sort(order)
            .limit(i64::from(limit))
            .projection(doc! { "password_hash": 0 });
        page.await?.try_collect::<Vec<_>>().await
    };
    let page = database.run(page).await?;
    Ok(page.into_iter().map(Into::into).collect())
}
