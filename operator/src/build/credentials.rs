//! Which Secrets there are, and what is in them: the names that makers and readers share.

use crate::names::{Component, Owner};
use crate::platform::{Platform, Workload};
use crate::resource::SecretKeyRef;

/// The key of a service's password on the server of its store.
pub(super) const STORE_PASSWORD: &str = "store-password";
/// The key of a service's password on the broker.
pub(super) const BROKER_PASSWORD: &str = "broker-password";
/// The key of a password that is alone in its Secret or is the root's.
pub(super) const PASSWORD: &str = "password";
/// The key of MongoDB's key file.
pub(super) const MONGODB_KEY_FILE: &str = "key-file";
/// The key of RabbitMQ's Erlang cookie.
pub(super) const ERLANG_COOKIE: &str = "erlang-cookie";
/// The key of a private key that signs access tokens.
pub(super) const SIGNING_KEY: &str = "signing-key.pem";

/// The root user of each managed server.
pub(super) const MONGODB_ROOT: &str = "mongodb-root";
/// The root user of each managed server.
pub(super) const POSTGRES_ROOT: &str = "postgres-root";
/// The root user of each managed server.
pub(super) const RABBITMQ_ROOT: &str = "rabbitmq-root";
/// The first administrator, if no person's Secret has their password.
const ADMINISTRATOR: &str = "administrator";

/// The Secret with one generation of a service's passwords.
pub(super) fn passwords(owner: &Owner, component: &Component, generation: u32) -> String {
    owner.child(&format!("{component}-credentials-{generation}"))
}

/// The Secret with the passwords in use.
pub(super) fn current_passwords(platform: &Platform, workload: &Workload) -> String {
    passwords(&platform.owner, &workload.component, platform.credentials)
}

/// The user that one generation of passwords is of. There are two, in turns: one is made anew while the other one works.
pub(super) fn username(component: &Component, generation: u32) -> String {
    let suffix = if generation % 2 == 1 { 'a' } else { 'b' };
    format!("{component}_{suffix}")
}

/// The user in use.
pub(super) fn current_username(platform: &Platform, workload: &Workload) -> String {
    username(&workload.component, platform.credentials)
}

/// The Secret with one generation of the key that signs access tokens.
pub(super) fn signing_key(owner: &Owner, generation: u32) -> String {
    owner.child(&format!("signing-key-{generation}"))
}

/// The Secret with the first administrator's password that the operator makes; none if a person made one.
pub(super) fn made_administrator(platform: &Platform) -> Option<String> {
    platform
        .administrator_password
        .is_none()
        .then(|| platform.owner.child(ADMINISTRATOR))
}

/// Where the first administrator's password is.
pub(super) fn administrator(platform: &Platform) -> SecretKeyRef {
    platform
        .administrator_password
        .clone()
        .unwrap_or_else(|| SecretKeyRef {
            name: platform.owner.child(ADMINISTRATOR),
            key: PASSWORD.to_owned(),
        })
}
