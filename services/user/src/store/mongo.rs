//! The user store on MongoDB.

mod accounts;
mod addresses;
mod documents;
mod refreshing;
mod schema;
mod sessions;

use std::time::Duration;

use async_trait::async_trait;
use contracts::{Address, AddressId, Event, EventId, Payload, Role, SessionId, Timestamp, UserId};
use mongo_store::mongodb::bson::{Document, doc};
use mongo_store::{Database, Transaction};
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use service_kit::settings::StoreSettings;
use store_kit::{Applied, OpenError, StoreError};

use crate::domain::{Account, Email, Name, PasswordHash, Session, TokenHash};
use crate::store::{
    AccountPage, Added, ChangeError, Credentials, Edit, Entry, Identity, NewAccount, Refreshed,
    Retold, Retry, SignIn, StoreFailure, Successors, UserStore,
};

/// Accounts in one database of a replica set. Any number of processes may work on it.
#[derive(Clone, Debug)]
pub struct MongoUsers {
    database: Database,
}

impl MongoUsers {
    /// Connects to a database that has the schema.
    pub async fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(settings, &schema::SCHEMA).await?,
        })
    }

    /// Brings a database up to the schema.
    pub async fn migrate(settings: &StoreSettings) -> Result<Applied, OpenError> {
        Database::migrate(settings, &schema::SCHEMA).await
    }

    /// The database: also home of the outbox.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Ends the session that matches; whether there was one. It is one fact by itself and would not need a transaction. But only
    /// those look after a process that died with the session in its hands: a bare write waits for as long as the server does.
    async fn end(&self, live: Document, context: Context) -> Result<bool, StoreError> {
        let now = context.now;
        self.database
            .transact(&live, |tx, live| {
                Box::pin(async move {
                    let end = sessions::end("signed_out", now);
                    let ended = tx.update_one(schema::SESSION, live.clone(), end).await?;
                    Ok(ended.matched_count == 1)
                })
            })
            .await
    }
}

#[async_trait]
impl UserStore for MongoUsers {
    async fn register(&self, account: NewAccount, context: Context) -> Result<bool, StoreFailure> {
        self.database
            .transact(&(account, context), |tx, (account, context)| {
                Box::pin(accounts::register(tx, account, context))
            })
            .await
    }

    async fn credentials(&self, email: Email) -> Result<Option<Credentials>, StoreFailure> {
        let email = doc! { "email": email.as_str() };
        Ok(accounts::credentials(&self.database, email).await?)
    }

    async fn credentials_of(&self, id: UserId) -> Result<Option<Credentials>, StoreFailure> {
        let id = doc! { "_id": id.to_string() };
        Ok(accounts::credentials(&self.database, id).await?)
    }

    async fn sign_in(
        &self,
        sign_in: SignIn,
        most: u32,
        context: Context,
    ) -> Result<Option<Identity>, StoreFailure> {
        self.database
            .transact(&sign_in, |tx, sign_in| {
                Box::pin(sessions::sign_in(tx, sign_in, most, context.now))
            })
            .await
    }

    async fn refresh(
        &self,
        token: TokenHash,
        successors: Successors,
        idle: Duration,
        context: Context,
    ) -> Result<Refreshed, StoreFailure> {
        self.database
            .transact(&successors, |tx, successors| {
                Box::pin(refreshing::refresh(
                    tx,
                    token,
                    successors,
                    idle,
                    context.now,
                ))
            })
            .await
    }

    async fn sign_out(&self, token: TokenHash, context: Context) -> Result<(), StoreFailure> {
        let session = sessions::of_token(&self.database, token).await?;
        if let Some(session) = session {
            let live = doc! { "_id": session.to_string(), "live": true };
            self.end(live, context).await?;
        }
        Ok(())
    }

    async fn end_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure> {
        let theirs = doc! {
            "_id": session_id.to_string(),
            "account_id": user_id.to_string(),
            "live": true,
            "ends_at": { "$gt": context.now.unix_millis() },
        };
        Ok(self.end(theirs, context).await?)
    }

    async fn sessions(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreFailure> {
        Ok(sessions::list(&self.database, user_id, now).await?)
    }

    async fn change_password(
        &self,
        verified: Credentials,
        new: PasswordHash,
        keep: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure> {
        self.database
            .transact(&(verified, new), |tx, (verified, new)| {
                Box::pin(sessions::change_password(
                    tx,
                    verified,
                    new,
                    keep,
                    context.now,
                ))
            })
            .await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreFailure> {
        Ok(accounts::one(&self.database, id).await?)
    }

    async fn accounts(&self, page: AccountPage, limit: u32) -> Result<Vec<Account>, StoreFailure> {
        Ok(accounts::list(&self.database, page, limit).await?)
    }

    async fn rename(
        &self,
        id: UserId,
        if_match: IfMatch,
        name: Option<Name>,
        context: Context,
    ) -> Result<Account, ChangeError> {
        self.database
            .transact(&(name, context), |tx, (name, context)| {
                Box::pin(accounts::rename(tx, id, if_match, name.as_ref(), context))
            })
            .await
    }

    async fn set_roles(
        &self,
        id: UserId,
        if_match: IfMatch,
        roles: Vec<Role>,
        context: Context,
    ) -> Result<Account, ChangeError> {
        self.database
            .transact(&(roles, context), |tx, (roles, context)| {
                Box::pin(accounts::set_roles(tx, id, if_match, roles, context))
            })
            .await
    }

    async fn add_address(
        &self,
        owner: UserId,
        address: Address,
        retry: Option<Retry>,
        most: u32,
        context: Context,
    ) -> Result<Added, StoreFailure> {
        let entry = Entry {
            id: AddressId::at(context.now),
            address,
            version: 1,
            created_at: context.now,
            updated_at: context.now,
        };
        self.database
            .transact(&(entry, retry), |tx, (entry, retry)| {
                Box::pin(addresses::add(tx, owner, entry, retry.as_ref(), most))
            })
            .await
    }

    async fn addresses(&self, owner: UserId) -> Result<Vec<Entry>, StoreFailure> {
        Ok(addresses::list(&self.database, owner).await?)
    }

    async fn address(&self, owner: UserId, id: AddressId) -> Result<Option<Entry>, StoreFailure> {
        Ok(addresses::one(&self.database, owner, id).await?)
    }

    async fn edit_address(
        &self,
        owner: UserId,
        id: AddressId,
        if_match: IfMatch,
        edit: Edit,
        context: Context,
    ) -> Result<Entry, ChangeError> {
        self.database
            .transact(&edit, |tx, edit| {
                Box::pin(addresses::edit(tx, owner, id, if_match, edit, context.now))
            })
            .await
    }

    async fn remove_address(
        &self,
        owner: UserId,
        id: AddressId,
        if_match: IfMatch,
    ) -> Result<(), ChangeError> {
        self.database
            .transact(&(), |tx, ()| {
                Box::pin(addresses::remove(tx, owner, id, if_match))
            })
            .await
    }

    async fn forget_sessions(&self, before: Timestamp, limit: u32) -> Result<usize, StoreFailure> {
        Ok(sessions::forget(&self.database, before, limit).await?)
    }

    async fn retell(
        &self,
        after: Option<UserId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure> {
        self.database
            .transact(&context, |tx, context| {
                Box::pin(accounts::retell(tx, after, limit, context))
            })
            .await
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Puts an event about an account into the outbox of the running transaction.
async fn tell(
    tx: &mut Transaction,
    user_id: UserId,
    version: u64,
    payload: impl Into<Payload>,
    context: &Context,
) -> Result<(), StoreError> {
    let event = event(user_id, version, payload.into(), context);
    messaging::mongo::append_outbox(tx, &[event], context.traceparent.as_deref()).await
}

fn event(user_id: UserId, version: u64, payload: Payload, context: &Context) -> Event {
    Event {
        id: EventId::at(context.now),
        occurred_at: context.now,
        aggregate_version: version,
        correlation_id: user_id.to_string(),
        payload,
    }
}
