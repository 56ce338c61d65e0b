//! Passwords and keys that the operator makes, each Secret once and whole.

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::access;
use super::addresses::{MONGODB, POSTGRES, RABBITMQ};
use super::credentials::{
    self, BROKER_PASSWORD, ERLANG_COOKIE, MONGODB_KEY_FILE, MONGODB_ROOT, PASSWORD, POSTGRES_ROOT,
    RABBITMQ_ROOT, SIGNING_KEY, STORE_PASSWORD,
};
use super::pod::metadata;
use crate::child::{Child, Drawn, Kind, Unwritable, Writing};
use crate::names::{Component, ROTATE_CREDENTIALS};
use crate::platform::{CoreService, MongoDb, Platform, Postgres, RabbitMq};

/// The Secrets of a platform.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let mut secrets = Vec::new();
    secrets.extend(root_secrets(platform)?);
    secrets.extend(passwords(platform)?);
    secrets.extend(signing_keys(platform)?);
    if let Some(name) = credentials::made_administrator(platform) {
        let user = Component::new(CoreService::User.name());
        secrets.push(made(platform, &user, name, &[(PASSWORD, Drawn::Password)])?);
    }
    Ok(secrets)
}

/// Of the servers that the operator runs.
fn root_secrets(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let mut secrets = Vec::new();
    let mut make = |component: &str, name: &str, drawn: &[(&str, Drawn)]| {
        let component = Component::new(component);
        let name = platform.owner.child(name);
        made(platform, &component, name, drawn).map(|secret| secrets.push(secret))
    };
    if matches!(platform.mongodb, MongoDb::Managed(_)) {
        let key_file = (MONGODB_KEY_FILE, Drawn::MongoDbKeyFile);
        make(
            MONGODB,
            MONGODB_ROOT,
            &[(PASSWORD, Drawn::Password), key_file],
        )?;
    }
    // CloudNativePG makes its own.
    if matches!(platform.postgres, Postgres::Managed(_)) {
        make(POSTGRES, POSTGRES_ROOT, &[(PASSWORD, Drawn::Password)])?;
    }
    if matches!(platform.rabbitmq, RabbitMq::Managed(_)) {
        let cookie = (ERLANG_COOKIE, Drawn::Password);
        make(
            RABBITMQ,
            RABBITMQ_ROOT,
            &[(PASSWORD, Drawn::Password), cookie],
        )?;
    }
    Ok(secrets)
}

/// Of the services. The generation before is kept until its users are locked out: its pods may still be there, and a rollout may be
/// taken back.
fn passwords(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let drawn = [
        (STORE_PASSWORD, Drawn::Password),
        (BROKER_PASSWORD, Drawn::Password),
    ];
    let first = if platform.lock_previous {
        platform.credentials
    } else {
        platform.credentials.saturating_sub(1).max(1)
    };
    let mut secrets = Vec::new();
    for workload in &platform.workloads {
        if !access::is_provisioned(platform, workload) {
            continue;
        }
        for generation in first..=platform.credentials {
            let component = &workload.component;
            let name = credentials::passwords(&platform.owner, component, generation);
            secrets.push(of_generation(platform, component, name, &drawn)?);
        }
    }
    Ok(secrets)
}

/// Of the user service: the one before, the one that signs, and the next one. The one before stays until the next rotation, for what
/// it signed is honoured for some minutes more.
fn signing_keys(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let user = Component::new(CoreService::User.name());
    let first = platform.credentials.saturating_sub(1).max(1);
    (first..=platform.credentials.saturating_add(1))
        .map(|generation| {
            let name = credentials::signing_key(&platform.owner, generation);
            of_generation(platform, &user, name, &[(SIGNING_KEY, Drawn::SigningKey)])
        })
        .collect()
}

fn made(
    platform: &Platform,
    component: &Component,
    name: String,
    drawn: &[(&str, Drawn)],
) -> Result<Child, Unwritable> {
    secret(metadata(&platform.owner, component, name), drawn)
}

/// One that says whose request it answers.
fn of_generation(
    platform: &Platform,
    component: &Component,
    name: String,
    drawn: &[(&str, Drawn)],
) -> Result<Child, Unwritable> {
    let mut metadata = metadata(&platform.owner, component, name);
    let request = platform.rotation_request.iter();
    let request = request.map(|text| (ROTATE_CREDENTIALS.to_owned(), text.clone()));
    metadata.annotations.get_or_insert_default().extend(request);
    secret(metadata, drawn)
}

fn secret(metadata: ObjectMeta, drawn: &[(&str, Drawn)]) -> Result<Child, Unwritable> {
    let secret = Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    let drawn = drawn.iter();
    let drawn = drawn.map(|(key, what)| ((*key).to_owned(), *what));
    Ok(Child::applied(Kind::Secret, &secret)?.written(Writing::CreateOnce(drawn.collect())))
}
