//! Where a platform's services and servers are, for those that run in its namespace: names of Services are looked up there first,
//! so they are written without it.

pub(super) use crate::names::PROVISION;
use crate::names::{Component, MIGRATE_SUFFIX, Owner};
use crate::platform::{Managed, MongoDb, Platform, Postgres, RabbitMq, Workload};

/// The component of MongoDB.
pub(super) const MONGODB: &str = "mongodb";
/// The component of PostgreSQL.
pub(super) const POSTGRES: &str = "postgres";
/// The component of RabbitMQ.
pub(super) const RABBITMQ: &str = "rabbitmq";
/// The component of the gateway.
pub(super) const GATEWAY: &str = "gateway";

/// Where MongoDB listens.
pub(super) const MONGODB_PORT: i32 = 27017;
/// Where PostgreSQL listens.
pub(super) const POSTGRES_PORT: i32 = 5432;
/// Where RabbitMQ takes AMQP.
pub(super) const AMQP_PORT: i32 = 5672;
/// Where RabbitMQ's management API is.
pub(super) const RABBITMQ_MANAGEMENT_PORT: i32 = 15672;

/// The name of the managed replica set.
pub(super) const REPLICA_SET: &str = "shop";
/// The virtual host on the managed broker.
pub(super) const VIRTUAL_HOST: &str = "shop";

/// The component of the Job that migrates a workload's store. Its pods are not the workload's own: their labels differ.
pub(super) fn migration(workload: &Workload) -> Component {
    Component::new(format!("{}{MIGRATE_SUFFIX}", workload.component))
}

/// The StatefulSet of a managed server, and the Service that leads to any member that is ready.
pub(super) fn server(owner: &Owner, component: &str) -> String {
    owner.child(component)
}

/// The headless Service that gives each member its own name, ready or not.
pub(super) fn members_service(owner: &Owner, component: &str) -> String {
    owner.child(&format!("{component}-members"))
}

/// The names of a managed server's members, in the order of their ordinals.
pub(super) fn members(owner: &Owner, component: &str, managed: &Managed) -> Vec<String> {
    let (server, service) = (server(owner, component), members_service(owner, component));
    (0..managed.members)
        .map(|ordinal| format!("{server}-{ordinal}.{service}"))
        .collect()
}

/// `http://…` of a workload.
pub(super) fn http(platform: &Platform, workload: &Workload) -> String {
    let host = platform.owner.child(workload.component.as_str());
    format!("http://{host}:{}", workload.port)
}

/// `http://…` of a service's admin port, if it has one.
pub(super) fn admin(platform: &Platform, workload: &Workload) -> Option<String> {
    let port = workload.admin_port()?;
    let host = platform.owner.child(workload.component.as_str());
    Some(format!("http://{host}:{port}"))
}

/// The key set that access tokens are verified with.
pub(super) fn jwks(platform: &Platform) -> String {
    let user = crate::platform::CoreService::User;
    let host = platform.owner.child(user.name());
    format!("http://{host}:{}/.well-known/jwks.json", user.port())
}

/// The URL of a database on MongoDB, without a user; none if others run it: then their Secret says it.
pub(super) fn mongodb(platform: &Platform, database: &str) -> Option<String> {
    let MongoDb::Managed(managed) = &platform.mongodb else {
        return None;
    };
    let hosts: Vec<_> = members(&platform.owner, MONGODB, managed)
        .into_iter()
        .map(|host| format!("{host}:{MONGODB_PORT}"))
        .collect();
    let hosts = hosts.join(",");
    Some(format!(
        "mongodb://{hosts}/{database}?replicaSet={REPLICA_SET}"
    ))
}

/// The host that takes writes to PostgreSQL; none if others run it.
pub(super) fn postgres_host(platform: &Platform) -> Option<String> {
    match &platform.postgres {
        Postgres::Managed(_) => Some(server(&platform.owner, POSTGRES)),
        // The Service that CloudNativePG keeps at the primary.
        Postgres::CloudNativePg(_) => Some(format!("{}-rw", server(&platform.owner, POSTGRES))),
        Postgres::External(_) => None,
    }
}

/// The URL of a database on PostgreSQL, without a user; none if others run it.
pub(super) fn postgres(platform: &Platform, database: &str) -> Option<String> {
    let host = postgres_host(platform)?;
    Some(format!("postgres://{host}:{POSTGRES_PORT}/{database}"))
}

/// The URL of the virtual host on RabbitMQ, without a user; none if others run it.
pub(super) fn broker(platform: &Platform) -> Option<String> {
    let RabbitMq::Managed(_) = platform.rabbitmq else {
        return None;
    };
    let host = server(&platform.owner, RABBITMQ);
    Some(format!("amqp://{host}:{AMQP_PORT}/{VIRTUAL_HOST}"))
}
