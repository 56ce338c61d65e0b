//! Settings of user, product, order and notification.

use super::{Environment, MAIL_FOLDER};
use crate::build::access::{self, Place};
use crate::build::credentials;
use crate::platform::{CoreService, Platform, Workload};
use crate::resource::{Need, SecretKeyRef};

/// Where a service keeps its data.
pub(super) fn store(
    environment: &mut Environment,
    platform: &Platform,
    workload: &Workload,
    service: CoreService,
) {
    let access = access::of(platform, workload, service.store());
    match access.place {
        Place::Url(url) => environment.set("STORE_URL", url),
        Place::Own(secret) => environment.set_file("STORE_URL_FILE", "store-url", secret),
        Place::Shared(secret) => {
            environment.set_file("STORE_URL_FILE", "store-url", secret);
            environment.set("SHOP__STORE__DATABASE", workload.component.as_str());
        }
    }
    if access.provisioned {
        let username = credentials::current_username(platform, workload);
        let password = password(platform, workload, credentials::STORE_PASSWORD);
        environment.set("SHOP__STORE__USERNAME", username);
        environment.set_file("SHOP__STORE__PASSWORD_FILE", "store-password", password);
    }
    if let Some(authority) = access.authority {
        environment.set_file("SHOP__STORE__TLS__CA_FILE", "store-ca.crt", authority);
    }
}

/// Where a service's events go.
pub(super) fn broker(environment: &mut Environment, platform: &Platform, workload: &Workload) {
    let access = access::of(platform, workload, Need::Rabbitmq);
    match access.place {
        Place::Url(url) => environment.set("BROKER_URL", url),
        Place::Own(secret) | Place::Shared(secret) => {
            environment.set_file("BROKER_URL_FILE", "broker-url", secret);
        }
    }
    if access.provisioned {
        let username = credentials::current_username(platform, workload);
        let password = password(platform, workload, credentials::BROKER_PASSWORD);
        environment.set("SHOP__BROKER__USERNAME", username);
        environment.set_file("SHOP__BROKER__PASSWORD_FILE", "broker-password", password);
    }
    if let Some(authority) = access.authority {
        environment.set_file("SHOP__BROKER__TLS__CA_FILE", "broker-ca.crt", authority);
    }
}

fn password(platform: &Platform, workload: &Workload, key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: credentials::current_passwords(platform, workload),
        key: key.to_owned(),
    }
}

/// What only this service is told.
pub(super) fn own(environment: &mut Environment, platform: &Platform, service: CoreService) {
    match service {
        CoreService::User => user(environment, platform),
        CoreService::Product => {}
        CoreService::Order => {
            let user = platform.owner.child(CoreService::User.name());
            let port = CoreService::User.port();
            environment.set("SHOP__USER_SERVICE__URL", format!("http://{user}:{port}"));
        }
        CoreService::Notification => notification(environment, platform),
    }
}

fn user(environment: &mut Environment, platform: &Platform) {
    // The gateway is the one in front.
    environment.set("SHOP__HTTP__TRUSTED_HOPS", "1");
    for (setting, name, generation) in signing_keys(platform.credentials) {
        let secret = SecretKeyRef {
            name: credentials::signing_key(&platform.owner, generation),
            key: credentials::SIGNING_KEY.to_owned(),
        };
        environment.set_file(setting, name, secret);
    }
    environment.set("SHOP__BOOTSTRAP_ADMIN__EMAIL", &platform.administrator);
    environment.set_file(
        "SHOP__BOOTSTRAP_ADMIN__PASSWORD_FILE",
        "administrator-password",
        credentials::administrator(platform),
    );
}

/// The keys of three generations: one signs, the next one is known to all before it does, and what the one before signed is
/// honoured. So replicas of two generations can work side by side.
fn signing_keys(generation: u32) -> impl Iterator<Item = (&'static str, &'static str, u32)> {
    let keys = [
        ("SHOP__KEYS__SIGNING_KEY", "signing-key.pem", generation),
        (
            "SHOP__KEYS__NEXT_SIGNING_KEY",
            "next-signing-key.pem",
            generation.saturating_add(1),
        ),
        (
            "SHOP__KEYS__PREVIOUS_SIGNING_KEY",
            "previous-signing-key.pem",
            generation.saturating_sub(1),
        ),
    ];
    keys.into_iter()
        .filter(|(_, _, generation)| *generation > 0)
}

fn notification(environment: &mut Environment, platform: &Platform) {
    match &platform.email {
        Some(email) => {
            environment.set_file("SHOP__SMTP__URL_FILE", "smtp-url", email.url.clone());
            environment.set("SHOP__SMTP__FROM", &email.from);
        }
        None => environment.set("SHOP__MAILDIR", MAIL_FOLDER),
    }
    if let Some(url) = platform.expose.url() {
        environment.set("SHOP__SHOP_URL", url);
    }
}
