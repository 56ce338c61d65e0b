//! Accounts, sessions and addresses as documents.

use contracts::{Address, AddressId, Role, SessionId, Timestamp, UserId};
use mongo_store::mongodb::bson::spec::BinarySubtype;
use mongo_store::mongodb::bson::{Binary, Timestamp as Position};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::account::complete;
use crate::domain::{Account, Email, Name, PasswordHash, Session, TokenHash};
use crate::store::{Credentials, Entry, NewAccount};

/// Places in the list of accounts are counted from here, so that they fit into 63 bits until the year 2094:
/// 2026-01-01T00:00:00Z.
const EPOCH: i64 = 1_767_225_600;

/// The place that the server gave an account: seconds, and a counter within them.
fn sequence(position: Position) -> i64 {
    ((i64::from(position.time) - EPOCH) << 32) | i64::from(position.increment)
}

/// The way back. What lies outside of all places is before the first or after the last.
pub(super) fn position(sequence: i64) -> Position {
    let seconds = (sequence >> 32) + EPOCH;
    Position {
        time: u32::try_from(seconds.max(0)).unwrap_or(u32::MAX),
        increment: u32::try_from(sequence & 0xffff_ffff).unwrap_or(u32::MAX),
    }
}

pub(super) fn binary(hash: TokenHash) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: hash.0.to_vec(),
    }
}

/// A number that only counts up from one.
pub(super) fn version(stored: i64) -> u64 {
    stored.unsigned_abs()
}

#[derive(Serialize)]
pub(super) struct NewAccountRow<'a> {
    #[serde(rename = "_id")]
    id: UserId,
    /// Nought: the server puts its own time and a counter in its place.
    sequence: Position,
    email: &'a str,
    email_verified: bool,
    name: &'a Name,
    roles: Vec<Role>,
    password_hash: &'a str,
    version: i64,
    attempts: i64,
    sign_ins: i64,
    addresses_added: i64,
    created_at: i64,
    updated_at: i64,
}

impl<'a> NewAccountRow<'a> {
    pub(super) fn new(account: &'a NewAccount, now: Timestamp) -> Self {
        Self {
            id: account.id,
            sequence: Position {
                time: 0,
                increment: 0,
            },
            email: account.email.as_str(),
            email_verified: false,
            name: &account.name,
            roles: written(&account.roles),
            password_hash: &account.password_hash.0,
            version: 1,
            attempts: 0,
            sign_ins: 0,
            addresses_added: 0,
            created_at: now.unix_millis(),
            updated_at: now.unix_millis(),
        }
    }
}

/// `customer` is not written: every account has it.
pub(super) fn written(roles: &[Role]) -> Vec<Role> {
    let mut roles = complete(roles.to_vec());
    roles.retain(|role| *role != Role::Customer);
    roles
}

#[derive(Deserialize)]
pub(super) struct AccountRow {
    #[serde(rename = "_id")]
    id: UserId,
    sequence: Position,
    #[serde(deserialize_with = "email")]
    email: Email,
    email_verified: bool,
    name: Name,
    roles: Vec<Role>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

fn email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Email, D::Error> {
    let text = String::deserialize(deserializer)?;
    Email::try_from(text.as_str()).map_err(serde::de::Error::custom)
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Self {
        Self {
            sequence: sequence(row.sequence),
            id: row.id,
            email: row.email,
            email_verified: row.email_verified,
            name: row.name,
            roles: complete(row.roles),
            version: version(row.version),
            created_at: Timestamp::from_unix_millis(row.created_at),
            updated_at: Timestamp::from_unix_millis(row.updated_at),
        }
    }
}

/// What an account may do.
#[derive(Deserialize)]
pub(super) struct RolesRow {
    pub(super) roles: Vec<Role>,
}

#[derive(Deserialize)]
pub(super) struct CredentialsRow {
    #[serde(rename = "_id")]
    id: UserId,
    password_hash: String,
}

impl From<CredentialsRow> for Credentials {
    fn from(row: CredentialsRow) -> Self {
        Self {
            user_id: row.id,
            password_hash: PasswordHash(row.password_hash),
        }
    }
}

/// Only its name.
#[derive(Deserialize)]
pub(super) struct IdRow {
    #[serde(rename = "_id")]
    pub(super) id: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SessionRow {
    #[serde(rename = "_id")]
    pub(super) id: SessionId,
    pub(super) account_id: UserId,
    client: Option<String>,
    created_at: i64,
    last_used_at: i64,
    pub(super) ends_at: i64,
    over_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end_reason: Option<String>,
    pub(super) active: Binary,
    pub(super) repeatable: Option<Binary>,
}

impl SessionRow {
    pub(super) fn new(session: &Session, owner: UserId, token: TokenHash) -> Self {
        Self {
            id: session.id,
            account_id: owner,
            client: session.client.clone(),
            created_at: session.created_at.unix_millis(),
            last_used_at: session.last_used_at.unix_millis(),
            ends_at: session.ends_at.unix_millis(),
            over_at: session.ends_at.unix_millis(),
            live: Some(true),
            end_reason: None,
            active: binary(token),
            repeatable: None,
        }
    }

    pub(super) fn last_used_at(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.last_used_at)
    }

    pub(super) fn ends_at(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.ends_at)
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            created_at: Timestamp::from_unix_millis(row.created_at),
            last_used_at: row.last_used_at(),
            ends_at: row.ends_at(),
            client: row.client,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TokenRow {
    #[serde(rename = "_id")]
    hash: Binary,
    pub(super) session_id: SessionId,
    ends_at: i64,
}

impl TokenRow {
    pub(super) fn new(hash: TokenHash, session_id: SessionId, ends_at: Timestamp) -> Self {
        Self {
            hash: binary(hash),
            session_id,
            ends_at: ends_at.unix_millis(),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct EntryRow {
    #[serde(rename = "_id")]
    id: AddressId,
    account_id: UserId,
    address: Address,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl EntryRow {
    pub(super) fn new(owner: UserId, entry: &Entry) -> Self {
        Self {
            id: entry.id,
            account_id: owner,
            address: entry.address.clone(),
            version: i64::try_from(entry.version).unwrap_or(i64::MAX),
            created_at: entry.created_at.unix_millis(),
            updated_at: entry.updated_at.unix_millis(),
        }
    }
}

impl From<EntryRow> for Entry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            address: row.address,
            version: version(row.version),
            created_at: Timestamp::from_unix_millis(row.created_at),
            updated_at: Timestamp::from_unix_millis(row.updated_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_the_servers_and_lead_back_to_them() {
        let places = [
            (1_767_225_599, 9),
            (1_795_464_373, 1),
            (1_795_464_373, 2),
            (3_914_709_247, u32::MAX),
        ];
        let positions = places.map(|(time, increment)| Position { time, increment });
        let sequences = positions.map(sequence);
        assert!(sequences.is_sorted(), "{sequences:?}");
        assert_eq!(sequences.map(position), positions);
        assert!(position(i64::MAX) >= positions[3]);
    }
}
