//! The servers behind a platform: those that `make test` started, or own ones that a test can kill.

use std::any::Any;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::Service;
use crate::checker::StoreUrls;
use crate::isolated;
use crate::servers::{Mongo, MongoOptions, Postgres, PostgresOptions, Rabbit, RabbitOptions};

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Server {
    /// Keeps orders and notifications.
    Postgres,
    /// Keeps accounts, the catalog and stock.
    Mongo,
    /// The same with three members, of which one may be missing.
    MongoSet,
    /// Brings events.
    Rabbit,
}

/// Where everything is, and what keeps it there.
pub(super) struct BackEnds {
    pub(super) urls: StoreUrls,
    /// RabbitMQ's management API, with the administrator's name and password.
    pub(super) api_url: String,
    pub(super) postgres: Option<Postgres>,
    pub(super) mongo: Option<Mongo>,
    pub(super) rabbit: Option<Rabbit>,
    /// Databases and the virtual host on shared servers, removed when dropped.
    _isolated: Vec<Box<dyn Any + Send + Sync>>,
}

impl BackEnds {
    /// Starts those that are to be its own, and takes something of its own on the others.
    pub(super) async fn start(own: &BTreeSet<Server>, disk_mib: Option<u32>) -> Result<Self> {
        let mut isolated: Vec<Box<dyn Any + Send + Sync>> = Vec::new();
        let (postgres, mongo, rabbit) = tokio::try_join!(
            own_postgres(own.contains(&Server::Postgres), disk_mib),
            own_mongo(own, disk_mib),
            own_rabbit(own.contains(&Server::Rabbit)),
        )?;
        let (order, notification) = if let Some(server) = &postgres {
            own_databases(server).await?
        } else {
            let order = isolated::postgres_database().await?;
            let notification = isolated::postgres_database().await?;
            let urls = (order.url().to_owned(), notification.url().to_owned());
            isolated.push(Box::new((order, notification)));
            urls
        };
        let (user, product) = if let Some(server) = &mongo {
            let named = |name: &str| server.url().replacen("/?", &format!("/{name}?"), 1);
            (named("user"), named("product"))
        } else {
            let (user, product) = (isolated::mongo_database()?, isolated::mongo_database()?);
            let urls = (user.url().to_owned(), product.url().to_owned());
            isolated.push(Box::new((user, product)));
            urls
        };
        let (broker, api_url) = if let Some(server) = &rabbit {
            (server.url(), server.api_url())
        } else {
            let vhost = isolated::vhost().await?;
            let urls = (vhost.url().to_owned(), vhost.api_url().to_owned());
            isolated.push(Box::new(vhost));
            urls
        };
        Ok(Self {
            urls: StoreUrls {
                user,
                product,
                order,
                notification,
                broker,
            },
            api_url,
            postgres,
            mongo,
            rabbit,
            _isolated: isolated,
        })
    }

    /// The store of a service; none for the gateway.
    pub(super) fn store(&self, service: Service) -> Option<&str> {
        match service {
            Service::Gateway => None,
            Service::User => Some(&self.urls.user),
            Service::Product => Some(&self.urls.product),
            Service::Order => Some(&self.urls.order),
            Service::Notification => Some(&self.urls.notification),
        }
    }
}

/// What is killed must keep what it confirmed.
async fn own_postgres(wanted: bool, disk_mib: Option<u32>) -> Result<Option<Postgres>> {
    if !wanted {
        return Ok(None);
    }
    let options = PostgresOptions {
        durable: true,
        disk_mib,
        ..PostgresOptions::default()
    };
    Ok(Some(Postgres::start_with(&options).await?))
}

async fn own_mongo(own: &BTreeSet<Server>, disk_mib: Option<u32>) -> Result<Option<Mongo>> {
    let members = match (
        own.contains(&Server::MongoSet),
        own.contains(&Server::Mongo),
    ) {
        (true, _) => 3,
        (false, true) => 1,
        (false, false) => return Ok(None),
    };
    let options = MongoOptions {
        members,
        disk_mib,
        ..MongoOptions::default()
    };
    Ok(Some(Mongo::start_with(&options).await?))
}

async fn own_rabbit(wanted: bool) -> Result<Option<Rabbit>> {
    if !wanted {
        return Ok(None);
    }
    Ok(Some(Rabbit::start_with(&RabbitOptions::default()).await?))
}

async fn own_databases(server: &Postgres) -> Result<(String, String)> {
    let mut connection = PgConnection::connect(&server.url()).await?;
    connection.execute("CREATE DATABASE shop_order").await?;
    connection
        .execute("CREATE DATABASE shop_notification")
        .await?;
    connection.close().await?;
    let url = server.url();
    let (address, _) = url.rsplit_once('/').context("a URL without a database")?;
    Ok((
        format!("{address}/shop_order"),
        format!("{address}/shop_notification"),
    ))
}
