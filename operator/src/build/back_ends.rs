//! The servers: those that the operator runs, and the `Cluster` that `CloudNativePG` runs. What others run has no children.

mod cloud_native_pg;
mod mongodb;
mod postgres;
mod rabbitmq;
mod server;

pub(super) use cloud_native_pg::superuser_secret;
pub(super) use mongodb::ROOT as MONGODB_ROOT_USER;
pub(super) use postgres::ROOT as POSTGRES_ROOT_USER;
pub(super) use rabbitmq::ROOT as RABBITMQ_ROOT_USER;

use crate::child::{Child, Unwritable};
use crate::platform::{MongoDb, Platform, Postgres, RabbitMq};

/// The children of the servers; their Secrets are made with the others.
pub(super) fn build(platform: &Platform) -> Result<Vec<Child>, Unwritable> {
    let mut children = Vec::new();
    if let MongoDb::Managed(managed) = &platform.mongodb {
        children.extend(mongodb::build(platform, managed)?);
    }
    match &platform.postgres {
        Postgres::Managed(managed) => children.extend(postgres::build(platform, managed)?),
        Postgres::CloudNativePg(cluster) => {
            children.push(cloud_native_pg::build(platform, cluster));
        }
        Postgres::External(_) => {}
    }
    if let RabbitMq::Managed(managed) = &platform.rabbitmq {
        children.extend(rabbitmq::build(platform, managed)?);
    }
    Ok(children)
}
