//! How a workload gets at a server: where it is, as whom, and how the server proves who it is.

use super::addresses;
use crate::platform::{External, MongoDb, Platform, Postgres, RabbitMq, Workload};
use crate::resource::{Need, SecretKeyRef};

/// The key of a Secret that says where a server is.
const URI: &str = "uri";
/// The key of an administrator's URI: with it, databases and users are made.
pub(super) const ADMIN_URI: &str = "adminUri";
/// The key of the authorities that vouch for a server.
const AUTHORITY: &str = "ca.crt";

/// How a workload gets at a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Access {
    /// Where it is.
    pub(super) place: Place,
    /// Whether the provision Job makes a user for the workload, whose password is in its own Secret.
    pub(super) provisioned: bool,
    /// The authorities that vouch for the server.
    pub(super) authority: Option<SecretKeyRef>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A server of the platform: a URL without a user.
    Url(String),
    /// A Secret has the URI that is for this workload only, with user and database.
    Own(SecretKeyRef),
    /// A Secret has one URI for all workloads: each has a database of its name there.
    Shared(SecretKeyRef),
}

/// How `workload` gets at the server that it needs.
pub(super) fn of(platform: &Platform, workload: &Workload, need: Need) -> Access {
    let database = workload.component.as_str();
    let (external, url) = match need {
        Need::Mongodb => (mongodb(platform), addresses::mongodb(platform, database)),
        Need::Postgres => (postgres(platform), addresses::postgres(platform, database)),
        Need::Rabbitmq => (rabbitmq(platform), addresses::broker(platform)),
    };
    let authority = authority(platform, need);
    match external {
        Some(external) => outside(external, authority, database),
        None => Access {
            place: Place::Url(url.unwrap_or_default()),
            provisioned: true,
            authority,
        },
    }
}

/// The authorities that vouch for a server.
pub(super) fn authority(platform: &Platform, need: Need) -> Option<SecretKeyRef> {
    match external(platform, need) {
        Some(external) => {
            let has_one = external.keys.contains(AUTHORITY);
            has_one.then(|| key_of(external, AUTHORITY))
        }
        None => authority_of_ours(platform, need),
    }
}

/// One key of the Secret of a server that others run.
pub(super) fn key_of(external: &External, key: &str) -> SecretKeyRef {
    SecretKeyRef {
        name: external.secret.clone(),
        key: key.to_owned(),
    }
}

/// Whether the provision Job makes a user on any server for this workload.
pub(super) fn is_provisioned(platform: &Platform, workload: &Workload) -> bool {
    workload
        .needs()
        .into_iter()
        .any(|need| of(platform, workload, need).provisioned)
}

fn outside(external: &External, authority: Option<SecretKeyRef>, service: &str) -> Access {
    let own = format!("{service}.{URI}");
    let has_own = external.keys.contains(&own);
    Access {
        place: if has_own {
            Place::Own(key_of(external, &own))
        } else {
            Place::Shared(key_of(external, URI))
        },
        provisioned: !has_own && is_administered(external),
        authority,
    }
}

/// Whether databases and users are made on a server that others run.
pub(super) fn is_administered(external: &External) -> bool {
    external.keys.contains(ADMIN_URI)
}

/// `CloudNativePG` signs its servers' certificates itself, and shows with what. Our own servers are reached without TLS: only
/// the platform's pods get at them.
fn authority_of_ours(platform: &Platform, need: Need) -> Option<SecretKeyRef> {
    let ours = matches!(platform.postgres, Postgres::CloudNativePg(_)) && need == Need::Postgres;
    ours.then(|| SecretKeyRef {
        name: format!(
            "{}-ca",
            addresses::server(&platform.owner, addresses::POSTGRES)
        ),
        key: AUTHORITY.to_owned(),
    })
}

/// MongoDB, if others run it.
pub(super) fn mongodb(platform: &Platform) -> Option<&External> {
    match &platform.mongodb {
        MongoDb::External(external) => Some(external),
        MongoDb::Managed(_) => None,
    }
}

/// PostgreSQL, if others run it.
pub(super) fn postgres(platform: &Platform) -> Option<&External> {
    match &platform.postgres {
        Postgres::External(external) => Some(external),
        Postgres::Managed(_) | Postgres::CloudNativePg(_) => None,
    }
}

/// RabbitMQ, if others run it.
pub(super) fn rabbitmq(platform: &Platform) -> Option<&External> {
    match &platform.rabbitmq {
        RabbitMq::External(external) => Some(external),
        RabbitMq::Managed(_) => None,
    }
}

/// The server that is needed, if others run it.
pub(super) fn external(platform: &Platform, need: Need) -> Option<&External> {
    match need {
        Need::Mongodb => mongodb(platform),
        Need::Postgres => postgres(platform),
        Need::Rabbitmq => rabbitmq(platform),
    }
}
