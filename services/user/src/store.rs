//! Where accounts live: every method is one whole command, one transaction that includes its outbox rows. No query leaks
//! out of `store/`.

pub mod mongo;
mod open;
pub mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use contracts::{Address, AddressId, Role, SessionId, Timestamp, UserId};
use service_kit::Context;
use service_kit::http::etag::IfMatch;

use crate::domain::{Account, Email, Name, PasswordHash, Session, TokenHash};

pub use self::open::{attach, migrate, open, open_file};

/// The store did not do what it was asked; nothing was changed.
#[derive(Debug, thiserror::Error)]
#[error("the user store failed")]
pub struct StoreFailure(#[from] pub store_kit::StoreError);

/// An account to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Names it.
    pub id: UserId,
    /// How it signs in.
    pub email: Email,
    /// How its owner wants to be addressed.
    pub name: Name,
    /// What it may do; `customer` is added.
    pub roles: Vec<Role>,
    /// Its password.
    pub password_hash: PasswordHash,
}

/// What tells whether somebody is who they claim to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub user_id: UserId,
    /// Its password.
    pub password_hash: PasswordHash,
}

/// Somebody has shown their password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The account.
    pub user_id: UserId,
    /// The hash their password was compared with.
    pub verified: PasswordHash,
    /// The same password hashed anew, if the old hash is cheaper than hashes are now.
    pub renewed: Option<PasswordHash>,
    /// The session to be.
    pub session: Session,
    /// Its first refresh token.
    pub token: TokenHash,
    /// When that token ends if it is not used.
    pub token_ends_at: Timestamp,
}

/// What an access token is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user_id: UserId,
    /// The sign-in.
    pub session_id: SessionId,
    /// What the account may do now.
    pub roles: Vec<Role>,
    /// When the sign-in ends at the latest.
    pub session_ends_at: Timestamp,
}

/// What a refresh token was good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was used for the first time; its successor takes its place.
    Rotated(Identity),
    /// It was used a moment ago, and the successor it was given then is what it is given now: two tabs of a browser asked at
    /// once. Nothing has changed.
    Concurrent(Identity),
    /// It was used once more while its successor was unused: the reply that carried the successor was lost (E1). Another
    /// successor takes the place of both.
    Repeated(Identity),
    /// It had been used up, so somebody else has it too: the whole session is ended.
    Reused,
    /// It, or its session, has ended by time.
    Expired,
    /// It is none, or its owner has signed out.
    Unknown,
}

/// What may take a refresh token's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Successors {
    /// When it is used for the first time; the same at every use.
    pub first: TokenHash,
    /// When that one was lost on its way.
    pub replacement: TokenHash,
}

/// A client's retry key, and what tells its request from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The key.
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
}

/// An entry of somebody's address book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names it.
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Counts its changes from 1.
    pub version: u64,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
}

/// What became of a new address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in the book.
    Done(Entry),
    /// An earlier request with the same key wrote it down; this is the entry as it is today.
    Replayed(Entry),
    /// An earlier request with the same key wrote it down, and it was removed since.
    Gone,
    /// The key belongs to another request; nothing was done.
    KeyReused,
    /// The book is full; nothing was done.
    Full,
}

/// Why something was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It does not exist, or it is somebody else's.
    #[error("there is no such thing")]
    NotFound,
    /// It has changed since the caller saw it.
    #[error("it has changed")]
    Stale,
    /// Nobody would be left who may administrate.
    #[error("the last administrator stays one")]
    LastAdministrator,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// How an address changes: a function of what is there, so that nothing is lost between reading and writing. A store whose
/// transaction met another one asks again.
pub type Edit = Box<dyn Fn(Address) -> Address + Send + Sync>;

/// A batch of accounts that were told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retold {
    /// The last of them: where the next batch goes on.
    pub last: UserId,
    /// How many there were.
    pub count: usize,
}

impl Retold {
    /// None if there was nothing left to tell.
    fn of(batch: &[Account]) -> Option<Self> {
        let last = batch.last()?.id;
        let count = batch.len();
        Some(Self { last, count })
    }
}

/// The store of accounts, sessions and address books.
#[async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Makes an account and tells `user.registered`; false, and nothing told, if the e-mail address has one.
    async fn register(&self, account: NewAccount, context: Context) -> Result<bool, StoreFailure>;

    /// What an account with this e-mail address signs in with.
    async fn credentials(&self, email: Email) -> Result<Option<Credentials>, StoreFailure>;

    /// What an account signs in with.
    async fn credentials_of(&self, id: UserId) -> Result<Option<Credentials>, StoreFailure>;

    /// Begins a session, unless the password was changed meanwhile. The oldest sessions beyond `most` are ended.
    async fn sign_in(
        &self,
        sign_in: SignIn,
        most: u32,
        context: Context,
    ) -> Result<Option<Identity>, StoreFailure>;

    /// Carries a session on: `token` is used, one of `successors` takes its place for at most `idle`.
    async fn refresh(
        &self,
        token: TokenHash,
        successors: Successors,
        idle: Duration,
        context: Context,
    ) -> Result<Refreshed, StoreFailure>;

    /// Ends the session that a refresh token, used or not, belongs to. Nothing happens if there is none.
    async fn sign_out(&self, token: TokenHash, context: Context) -> Result<(), StoreFailure>;

    /// Ends one of an account's sessions; false if there is no such session.
    async fn end_session(
        &self,
        user_id: UserId,
        session_id: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure>;

    /// An account's sessions that have not ended, the newest first.
    async fn sessions(&self, user_id: UserId, now: Timestamp)
    -> Result<Vec<Session>, StoreFailure>;

    /// Takes a new password, unless the old one was changed meanwhile, and ends all other sessions; false if it was.
    async fn change_password(
        &self,
        verified: Credentials,
        new: PasswordHash,
        keep: SessionId,
        context: Context,
    ) -> Result<bool, StoreFailure>;

    /// One account.
    async fn account(&self, id: UserId) -> Result<Option<Account>, StoreFailure>;

    /// Accounts after a place in the list: the newest first, or those whose e-mail address begins with `prefix` in the
    /// order of their addresses.
    async fn accounts(&self, page: AccountPage, limit: u32) -> Result<Vec<Account>, StoreFailure>;

    /// Renames an account and tells `user.profile_updated`; nothing is told if nothing changes.
    async fn rename(
        &self,
        id: UserId,
        if_match: IfMatch,
        name: Option<Name>,
        context: Context,
    ) -> Result<Account, ChangeError>;

    /// Gives an account exactly these roles and `customer`, and tells `user.roles_changed`; nothing is told if nothing
    /// changes. The last administrator stays one.
    async fn set_roles(
        &self,
        id: UserId,
        if_match: IfMatch,
        roles: Vec<Role>,
        context: Context,
    ) -> Result<Account, ChangeError>;

    /// Writes an address down, unless the book has `most` already.
    async fn add_address(
        &self,
        owner: UserId,
        address: Address,
        retry: Option<Retry>,
        most: u32,
        context: Context,
    ) -> Result<Added, StoreFailure>;

    /// Somebody's addresses, the oldest first.
    async fn addresses(&self, owner: UserId) -> Result<Vec<Entry>, StoreFailure>;

    /// One of somebody's addresses.
    async fn address(&self, owner: UserId, id: AddressId) -> Result<Option<Entry>, StoreFailure>;

    /// Changes one of somebody's addresses.
    async fn edit_address(
        &self,
        owner: UserId,
        id: AddressId,
        if_match: IfMatch,
        edit: Edit,
        context: Context,
    ) -> Result<Entry, ChangeError>;

    /// Removes one of somebody's addresses.
    async fn remove_address(
        &self,
        owner: UserId,
        id: AddressId,
        if_match: IfMatch,
    ) -> Result<(), ChangeError>;

    /// Forgets at most `limit` sessions that ended before `before`, with their tokens; returns how many.
    async fn forget_sessions(&self, before: Timestamp, limit: u32) -> Result<usize, StoreFailure>;

    /// Tells again how the accounts after this one are, in the order of their ids, at most `limit` of them: each as
    /// `user.profile_updated` and `user.roles_changed` with the version it has, which welcome nobody. Nothing changes but the
    /// outbox. None if no account is left.
    async fn retell(
        &self,
        after: Option<UserId>,
        limit: u32,
        context: Context,
    ) -> Result<Option<Retold>, StoreFailure>;
}

/// Which accounts a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountPage {
    /// All, the newest first, after the account with this sequence number.
    Newest {
        /// Where the page before ended.
        after: Option<i64>,
    },
    /// Those whose normalised e-mail address begins so, after this address.
    ByEmail {
        /// The beginning.
        prefix: String,
        /// Where the page before ended.
        after: Option<String>,
    },
}
