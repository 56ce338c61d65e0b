//! The user store on SQLite.

mod accounts;
mod addresses;
mod errors;
mod retell;
mod rows;
mod sessions;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Address, AddressId, Event, EventId, Payload, Role, SessionId, Timestamp, UserId};
use rusqlite::Connection;
use service_kit::Context;
use service_kit::http::etag::IfMatch;
use sqlite_store::{Database, Migration, OpenError, Schema, StoreError, idempotency};
use store_kit::Applied;

use crate::domain::{Account, Email, Name, PasswordHash, Session, TokenHash};
use crate::store::{
    AccountPage, Added, ChangeError, Credentials, Edit, Entry, Identity, NewAccount, Refreshed,
    Retold, Retry, SignIn, StoreFailure, Successors, UserStore,
};

static SCHEMA: Schema = Schema {
    service: "user",
    migrations: &[
        Migration {
            version: 1,
            name: "messaging",
            work: messaging::sqlite::SCHEMA_SQL,
            min_binary: 1,
        },
        Migration {
            version: 2,
            name: "idempotency",
            work: idempotency::SCHEMA_SQL,
            min_binary: 2,
        },
        Migration {
            version: 3,
            name: "accounts, sessions and address books",
            work: include_str!("sqlite/schema.sql"),
            min_binary: 3,
        },
    ],
};

/// Accounts in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteUsers {
    database: Database,
}

impl SqliteUsers {
    /// Opens the file, or makes it, and brings it up to the schema.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::open(path, &SCHEMA).await?,
        })
    }

    /// Opens the file beside the process whose store it is: it must be there and have the schema.
    pub async fn attach(path: &Path) -> Result<Self, OpenError> {
        Ok(Self {
            database: Database::attach(path, &SCHEMA).await?,
        })
    }

    /// Brings the file, or a new one, up to the schema.
    pub async fn migrate(path: &Path) -> Result<Applied, OpenError> {
        Database::migrate(path, &SCHEMA).await
    }

    /// The file: also home of the outbox.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl UserStore for SqliteUsers {
    async fn register(&self, account: NewAccount, context: Context) -> Result<bool, StoreFailure> {
        self.database
            .write(move |conn| Ok(accounts::register(conn, account, &context)?))
            .await
    }

    async fn credentials(&self, email: Email) -> Result<Option<Credentials>, StoreFailure> {
        self.database
            .read(move |conn| Ok(rows::credentials(conn, "email", email.as_str())?))
            .await
    }

    async fn credentials_of(&self, id: UserId) -> Result<Option<Credentials>, StoreFailure> {
        self.database
            .read(move |conn| Ok(rows::credentials(conn, "id", &id.to_string())?))
            .await
    }

    async fn sign_in(
        &self,
        sign_in: SignIn,
        most: u32,
        context: Context,
    ) -> Result<Option<Identity>, StoreFailure> {
        self.database
            .write(move |conn| Ok(sessions::sign_in(conn, &sign_in, most, context.now)?))
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
            .write(move |conn| {
                Ok(sessions::refresh(
                    conn,
                    token,
                    successors,
                    idle,
                    context.now,
                )?)
            })
            .await
    }

    async fn sign_out(&self, token: TokenHash, context: Context) -> Result<(), StoreFailure> {
        self.database
            .write(move |conn| Ok(sessions::sign_out(conn, token, context.now)?))
            .await
    }

    async fn end_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure> {
        self.database
            .write(move |conn| Ok(sessions::end_one(conn, user_id, session_id, context.now)?))
            .await
    }

    async fn sessions(
        &self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreFailure> {
        self.database
            .read(move |conn| Ok(sessions::list(conn, user_id, now)?))
            .await
    }

    async fn change_password(
        &self,
        verified: Credentials,
        new: PasswordHash,
        keep: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure> {
        self.database
            .write(move |conn| {
                Ok(sessions::change_password(
                    conn,
                    &verified,
                    &new,
                    keep,
                    context.now,
                )?)
            })
            .await
    }

    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreFailure> {
        self.database
            .read(move |conn| Ok(rows::account(conn, id)?))
            .await
    }

    async fn accounts(&self, page: AccountPage, limit: u32) -> Result<Vec<Account>, StoreFailure> {
        self.database
            .read(move |conn| Ok(accounts::list(conn, &page, limit)?))
            .await
    }

    async fn rename(
        &self,
        id: UserId,
        if_match: IfMatch,
        name: Option<Name>,
        context: Context,
    ) -> Result<Account, ChangeError> {
        self.database
            .write(move |conn| accounts::rename(conn, id, if_match, name, &context))
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
            .write(move |conn| accounts::set_roles(conn, id, if_match, roles, &context))
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
        self.database
            .write(move |conn| {
                Ok(addresses::add(
                    conn,
                    owner,
                    address,
                    retry,
                    most,
                    context.now,
                )?)
            })
            .await
    }

    async fn addresses(&self, owner: UserId) -> Result<Vec<Entry>, StoreFailure> {
        self.database
            .read(move |conn| Ok(addresses::list(conn, owner)?))
            .await
    }

    async fn address(&self, owner: UserId, id: AddressId) -> Result<Option<Entry>, StoreFailure> {
        self.database
            .read(move |conn| Ok(addresses::one(conn, owner, id)?))
            .await
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
            .write(move |conn| addresses::edit(conn, owner, id, if_match, &edit, context.now))
            .await
    }

    async fn remove_address(
        &self,
        owner: UserId,
        id: AddressId,
        if_match: IfMatch,
    ) -> Result<(), ChangeError> {
        self.database
            .write(move |conn| addresses::remove(conn, owner, id, if_match))
            .await
    }

    async fn forget_sessions(&self, before: Timestamp, limit: u32) -> Result<usize, StoreFailure> {
        self.database
            .write(move |conn| Ok(sessions::forget(conn, before, limit)?))
            .await
    }

    async fn retell(
        &self,
        after: Option<UserId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure> {
        self.database
            .write(move |conn| Ok(retell::retell(conn, after, limit, &context)?))
            .await
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

/// Puts an event about an account into the outbox of the running transaction.
fn tell(
    conn: &Connection,
    user_id: UserId,
    version: u64,
    payload: impl Into<Payload>,
    context: &Context,
) -> Result<(), StoreError> {
    let event = Event {
        id: EventId::at(context.now),
        occurred_at: context.now,
        aggregate_version: version,
        correlation_id: user_id.to_string(),
        payload: payload.into(),
    };
    messaging::sqlite::append_outbox(conn, &event, context.traceparent.as_deref())
}

#[cfg(test)]
mod tests;
