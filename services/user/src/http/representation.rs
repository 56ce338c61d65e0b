//! Accounts, addresses and sessions as clients see them.

use contracts::{Address, AddressId, AddressText, Country, Role, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::present_field::{not_null, nullable};
use crate::domain::{Account, Email, Name, Session};
use crate::store::{Edit, Entry};

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct AccountBody {
    id: UserId,
    email: Email,
    name: Name,
    /// Whether mail is known to reach the address.
    email_verified: bool,
    /// What it may do; `customer` is always among them.
    roles: Vec<Role>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Account> for AccountBody {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            email: account.email,
            name: account.name,
            email_verified: account.email_verified,
            roles: account.roles,
            created_at: account.created_at,
            updated_at: account.updated_at,
        }
    }
}

/// An address as clients send it, whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAddress {
    /// Who receives what is sent there.
    name: AddressText,
    /// Street and house.
    line1: AddressText,
    /// Floor, building, care of.
    #[serde(default)]
    line2: Option<AddressText>,
    postal_code: AddressText,
    city: AddressText,
    /// State, province or region.
    #[serde(default)]
    region: Option<AddressText>,
    country: Country,
}

impl From<NewAddress> for Address {
    fn from(new: NewAddress) -> Self {
        Self {
            name: new.name,
            line1: new.line1,
            line2: new.line2,
            postal_code: new.postal_code,
            city: new.city,
            region: new.region,
            country: new.country,
        }
    }
}

/// What changes about an address; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "null removes a line, and absence keeps it"
)]
pub(super) struct AddressPatch {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    name: Option<AddressText>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    line1: Option<AddressText>,
    /// Null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<AddressText>)]
    line2: Option<Option<AddressText>>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    postal_code: Option<AddressText>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    city: Option<AddressText>,
    /// Null removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<AddressText>)]
    region: Option<Option<AddressText>>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    country: Option<Country>,
}

impl AddressPatch {
    pub(super) fn into_edit(self) -> Edit {
        Box::new(move |before| Address {
            name: self.name.clone().unwrap_or(before.name),
            line1: self.line1.clone().unwrap_or(before.line1),
            line2: self.line2.clone().unwrap_or(before.line2),
            postal_code: self.postal_code.clone().unwrap_or(before.postal_code),
            city: self.city.clone().unwrap_or(before.city),
            region: self.region.clone().unwrap_or(before.region),
            country: self.country.clone().unwrap_or(before.country),
        })
    }
}

/// An entry of an address book.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddressBookEntry)]
pub(super) struct EntryBody {
    id: AddressId,
    name: AddressText,
    line1: AddressText,
    #[serde(skip_serializing_if = "Option::is_none")]
    line2: Option<AddressText>,
    postal_code: AddressText,
    city: AddressText,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<AddressText>,
    country: Country,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        let address = entry.address;
        Self {
            id: entry.id,
            name: address.name,
            line1: address.line1,
            line2: address.line2,
            postal_code: address.postal_code,
            city: address.city,
            region: address.region,
            country: address.country,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

/// A sign-in that has not ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionBody {
    id: SessionId,
    /// What the client called itself (`User-Agent`).
    client: Option<String>,
    /// Whether this request belongs to it.
    current: bool,
    created_at: Timestamp,
    last_used_at: Timestamp,
    /// When it ends at the latest.
    ends_at: Timestamp,
}

impl SessionBody {
    pub(super) fn of(session: Session, current: SessionId) -> Self {
        Self {
            current: session.id == current,
            id: session.id,
            client: session.client,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            ends_at: session.ends_at,
        }
    }
}

/// A list that is short enough to be shown whole.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Whole<T> {
    data: Vec<T>,
    /// Always null: this is all.
    next_cursor: Option<String>,
}

impl<T> Whole<T> {
    pub(super) fn of(data: impl Iterator<Item = T>) -> Self {
        Self {
            data: data.collect(),
            next_cursor: None,
        }
    }
}
