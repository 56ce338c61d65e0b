//! For administrators' programs.

use std::sync::Arc;

use service_kit::settings::Secret;

use super::address::Address;
use super::line::Line;
use crate::broker::BrokerError;
use crate::connect::ConnectError;
use crate::settings::BrokerSettings;

/// As whom settings connect, and to which vhost.
#[derive(Clone, Debug)]
pub struct Account {
    /// The vhost.
    pub vhost: String,
    /// The user.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

/// Reads settings as a connection would.
pub fn account(settings: &BrokerSettings) -> Result<Account, ConnectError> {
    let address = Address::new(settings)?;
    Ok(Account {
        vhost: address.vhost().to_owned(),
        user: address.user().to_owned(),
        password: Secret::from(address.password()),
    })
}

/// Makes a connection and ends it: whether the broker is there and lets this user into the vhost.
pub async fn try_connection(
    settings: &BrokerSettings,
    program: &'static str,
) -> Result<(), BrokerError> {
    let address = Address::new(settings);
    let address =
        address.map_err(|error| BrokerError::Refused(service_kit::error_chain(&error)))?;
    let line = Line::new(Arc::new(address), program, "try");
    let opened = line.open().await;
    line.close().await;
    opened.map(drop)
}
