//! The first administrator, from settings.

use contracts::{Role, UserId};
use messaging::Poke;
use service_kit::Context;

use crate::domain::{Email, InvalidEmail, Name, NewPassword, WeakPassword};
use crate::passwords::{HashError, Passwords};
use crate::settings::BootstrapAdmin;
use crate::store::{NewAccount, StoreFailure, UserStore};

const NAME: &str = "Administrator";

/// Why there is no first administrator. Each says what to set.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The address is none.
    #[error("bootstrap_admin.email (SHOP__BOOTSTRAP_ADMIN__EMAIL) names nobody")]
    Email(#[source] InvalidEmail),
    /// There is no password.
    #[error(
        "bootstrap_admin.email is set and has no account yet, so set bootstrap_admin.password too \
         (SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE)"
    )]
    NoPassword,
    /// The password is not good enough.
    #[error("bootstrap_admin.password is refused")]
    Password(#[source] WeakPassword),
    /// It cannot be hashed.
    #[error("the password of the first administrator cannot be hashed")]
    Hash(#[from] HashError),
    /// The store failed.
    #[error("the first administrator cannot be stored")]
    Store(#[from] StoreFailure),
}

/// Makes the first administrator if no account has their address. An account that has it stays as it is, its password too.
pub async fn first_administrator(
    settings: &BootstrapAdmin,
    store: &dyn UserStore,
    passwords: &Passwords,
    poke: &Poke,
    context: Context,
) -> Result<(), BootstrapError> {
    if settings.email.is_empty() {
        return Ok(());
    }
    let email = Email::try_from(settings.email.as_str()).map_err(BootstrapError::Email)?;
    if store.credentials(email.clone()).await?.is_some() {
        return Ok(());
    }
    if settings.password.is_empty() {
        return Err(BootstrapError::NoPassword);
    }
    let password =
        NewPassword::choose(&settings.password, &email).map_err(BootstrapError::Password)?;
    let Ok(name) = Name::try_from(NAME) else {
        return Ok(());
    };
    let account = NewAccount {
        id: UserId::at(context.now),
        email,
        name,
        roles: vec![Role::Admin],
        password_hash: passwords.hash(password).await?,
    };
    let id = account.id;
    if store.register(account, context).await? {
        tracing::info!(user_id = %id, "the first administrator has an account");
        poke.poke();
    }
    Ok(())
}
