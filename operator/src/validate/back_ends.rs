//! The servers: how the operator runs them, or where others do.

use std::collections::BTreeSet;

use super::{Parsing, Reason, external, profile, resources};
use crate::child::Kind;
use crate::platform::{
    CloudNativePg, External, Image, Managed, MongoDb, Postgres, RabbitMq, Storage,
};
use crate::resource::{
    BackingMode, BackingServiceSpec, ExternalSpec, ManagedSpec, Need, PostgresMode, Resources,
    StorageSpec,
};

/// What a server that the operator runs is like if the spec says nothing.
struct Usual {
    field: &'static str,
    members: i32,
    image: String,
    resources: Resources,
}

/// MongoDB.
pub(super) fn mongodb(parsing: &mut Parsing<'_>) -> MongoDb {
    let spec = &parsing.spec.mongodb;
    let usual = Usual {
        field: "mongodb",
        members: profile::members(parsing.spec.profile),
        image: parsing.operator.mongodb_image.clone(),
        resources: profile::mongodb(parsing.spec.profile),
    };
    match outside(parsing, spec, Need::Mongodb) {
        Some(external) => MongoDb::External(external),
        None => MongoDb::Managed(managed(parsing, &spec.managed, usual, &[1, 3])),
    }
}

/// RabbitMQ.
pub(super) fn rabbitmq(parsing: &mut Parsing<'_>) -> RabbitMq {
    let spec = &parsing.spec.rabbitmq;
    let usual = Usual {
        field: "rabbitmq",
        members: profile::members(parsing.spec.profile),
        image: parsing.operator.rabbitmq_image.clone(),
        resources: profile::rabbitmq(parsing.spec.profile),
    };
    match outside(parsing, spec, Need::Rabbitmq) {
        Some(external) => RabbitMq::External(external),
        None => RabbitMq::Managed(managed(parsing, &spec.managed, usual, &[1, 3])),
    }
}

/// PostgreSQL.
pub(super) fn postgres(parsing: &mut Parsing<'_>) -> Postgres {
    let spec = &parsing.spec.postgres;
    match spec.mode {
        PostgresMode::Managed => {
            let usual = Usual {
                field: "postgres",
                members: 1,
                image: parsing.operator.postgres_image.clone(),
                resources: profile::postgres(parsing.spec.profile),
            };
            Postgres::Managed(managed(parsing, &spec.managed, usual, &[1]))
        }
        PostgresMode::CloudNativePg => {
            parsing.expect_api(
                Kind::CloudNativePgCluster,
                "postgres.mode is CloudNativePG",
                "install CloudNativePG; the mode of a platform cannot be changed",
            );
            let spec = &spec.cloud_native_pg;
            Postgres::CloudNativePg(CloudNativePg {
                instances: spec
                    .instances
                    .unwrap_or_else(|| profile::members(parsing.spec.profile)),
                storage: storage(parsing, "postgres.cloudNativePG.storage", &spec.storage),
            })
        }
        PostgresMode::External => {
            Postgres::External(elsewhere(parsing, spec.external.as_ref(), Need::Postgres))
        }
    }
}

fn outside(parsing: &mut Parsing<'_>, spec: &BackingServiceSpec, need: Need) -> Option<External> {
    match spec.mode {
        BackingMode::Managed => None,
        BackingMode::External => Some(elsewhere(parsing, spec.external.as_ref(), need)),
    }
}

fn elsewhere(parsing: &mut Parsing<'_>, spec: Option<&ExternalSpec>, need: Need) -> External {
    parsing.findings.expect(spec.is_some(), Reason::SpecInvalid, || {
        let field = external::field(need);
        format!("{field}: mode External needs external.secretRef: a Secret that says where the server is")
    });
    spec.and_then(|spec| external::of(parsing, need, &spec.secret_ref))
        .unwrap_or_else(|| External {
            secret: String::new(),
            keys: BTreeSet::new(),
            ports: BTreeSet::new(),
            content_hash: String::new(),
        })
}

fn managed(
    parsing: &mut Parsing<'_>,
    spec: &ManagedSpec,
    usual: Usual,
    allowed: &[i32],
) -> Managed {
    let field = format!("{}.managed", usual.field);
    let members = spec.members.unwrap_or(usual.members);
    parsing
        .findings
        .expect(allowed.contains(&members), Reason::SpecInvalid, || {
            let allowed: Vec<_> = allowed.iter().map(i32::to_string).collect();
            format!(
                "{field}.members is {members}: write {}",
                allowed.join(" or ")
            )
        });
    Managed {
        members,
        image: Image(spec.image.clone().unwrap_or(usual.image)),
        storage: storage(parsing, &format!("{field}.storage"), &spec.storage),
        resources: resources::of(
            parsing,
            &format!("{field}.resources"),
            spec.resources.as_ref(),
            usual.resources,
        ),
    }
}

fn storage(parsing: &mut Parsing<'_>, field: &str, spec: &StorageSpec) -> Storage {
    resources::positive(parsing, &format!("{field}.size"), &spec.size);
    Storage {
        size: spec.size.clone(),
        class_name: spec.class_name.clone(),
    }
}
