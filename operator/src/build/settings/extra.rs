//! What a service that people add is told: `PORT`, `JWKS_URL`, and for each server that it needs a URL with user and password.
//!
//! Everything is a variable of the container, so that people's own ones can refer to it: a service that is built on
//! `service-kit` is given `STORE_URL: $(POSTGRES_URL)`.

use super::Environment;
use crate::build::access::{self, Access, Place};
use crate::build::{addresses, credentials};
use crate::platform::{Platform, Workload};
use crate::resource::{Need, SecretKeyRef};

pub(super) fn add(environment: &mut Environment, platform: &Platform, workload: &Workload) {
    environment.variable("PORT", workload.port.to_string());
    environment.variable("JWKS_URL", addresses::jwks(platform));
    for need in workload.needs() {
        server(environment, platform, workload, need);
    }
}

/// One server: `<SERVER>_URL` is all that is needed with a server of the platform, and with an external one whose Secret has a
/// URI for this service. With an external one that all share, `_DATABASE` says the name of the database there, and
/// `_USERNAME` and `_PASSWORD` who signs in, if users are made. `_CA_FILE` has the authorities that vouch for the server.
fn server(environment: &mut Environment, platform: &Platform, workload: &Workload, need: Need) {
    let (server, key, authority_file) = match need {
        Need::Mongodb => ("MONGODB", credentials::STORE_PASSWORD, "mongodb-ca.crt"),
        Need::Postgres => ("POSTGRES", credentials::STORE_PASSWORD, "postgres-ca.crt"),
        Need::Rabbitmq => ("BROKER", credentials::BROKER_PASSWORD, "broker-ca.crt"),
    };
    let Access {
        place,
        provisioned,
        authority,
    } = access::of(platform, workload, need);
    let username = credentials::current_username(platform, workload);
    let verified = authority.is_some();
    if let Some(authority) = authority {
        environment.variable_file(&format!("{server}_CA_FILE"), authority_file, authority);
    }
    if provisioned {
        let secret = SecretKeyRef {
            name: credentials::current_passwords(platform, workload),
            key: key.to_owned(),
        };
        environment.variable(&format!("{server}_USERNAME"), &username);
        environment.variable_of(&format!("{server}_PASSWORD"), secret);
    }
    let url = format!("{server}_URL");
    match place {
        Place::Own(secret) => environment.variable_of(&url, secret),
        Place::Shared(secret) => {
            environment.variable_of(&url, secret);
            if need != Need::Rabbitmq {
                environment.variable(&format!("{server}_DATABASE"), workload.component.as_str());
            }
        }
        Place::Url(place) => {
            // Passwords that the operator makes are letters and digits: nothing to escape.
            let user = format!("://{username}:$({server}_PASSWORD)@");
            let mut whole = place.replacen("://", &user, 1);
            if verified {
                // Of our own servers only PostgreSQL by CloudNativePG proves who it is. As libpq has it.
                whole += "?sslmode=verify-full&sslrootcert=$(POSTGRES_CA_FILE)";
            }
            environment.variable(&url, whole);
        }
    }
}
