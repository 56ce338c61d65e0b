//! Customers' address books, which the user service keeps.

use std::time::Duration;

use async_trait::async_trait;
use contracts::AddressId;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use crate::domain::{Address, AddressText, Country};

/// How long the user service may take to answer.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// Why an address could not be looked up. The order can be placed later, or with the address itself.
#[derive(Debug, thiserror::Error)]
pub enum AddressBookError {
    /// No answer in time.
    #[error("the user service does not answer")]
    Away(#[source] reqwest::Error),
    /// It answered, but not with an address.
    #[error("the user service answered {0}")]
    Unexpected(StatusCode),
}

/// Looks up the caller's own addresses.
#[async_trait]
pub trait AddressBook: Send + Sync + 'static {
    /// The caller's address with this id, if there is one. `authorization` is the caller's own.
    async fn address(
        &self,
        authorization: &HeaderValue,
        id: AddressId,
    ) -> Result<Option<Address>, AddressBookError>;
}

/// The user service over HTTP.
#[derive(Clone, Debug)]
pub struct UserService {
    client: reqwest::Client,
    base: String,
}

impl UserService {
    /// The one at `base`, such as `http://127.0.0.1:3001`. The client sets the deadlines.
    #[must_use]
    pub fn new(client: reqwest::Client, base: &str) -> Self {
        Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
        }
    }
}

/// An address as the user service shows it; what else it shows is of no interest here.
#[derive(Deserialize)]
struct Reply {
    name: AddressText,
    line1: AddressText,
    #[serde(default)]
    line2: Option<AddressText>,
    postal_code: AddressText,
    city: AddressText,
    #[serde(default)]
    region: Option<AddressText>,
    country: Country,
}

#[async_trait]
impl AddressBook for UserService {
    async fn address(
        &self,
        authorization: &HeaderValue,
        id: AddressId,
    ) -> Result<Option<Address>, AddressBookError> {
        let url = format!("{}/api/v1/me/addresses/{id}", self.base);
        let response = self
            .client
            .get(url)
            .header(header::AUTHORIZATION, authorization)
            .timeout(DEADLINE)
            .send()
            .await
            .map_err(AddressBookError::Away)?;
        match response.status() {
            StatusCode::OK => {
                let reply: Reply = response.json().await.map_err(AddressBookError::Away)?;
                Ok(Some(reply.into()))
            }
            StatusCode::NOT_FOUND => Ok(None),
            other => Err(AddressBookError::Unexpected(other)),
        }
    }
}

impl From<Reply> for Address {
    fn from(reply: Reply) -> Self {
        Self {
            name: reply.name,
            line1: reply.line1,
            line2: reply.line2,
            postal_code: reply.postal_code,
            city: reply.city,
            region: reply.region,
            country: reply.country,
        }
    }
}
