//! What can be set: where the servers are, as whom the administrator connects, and what each service's users are called.
//!
//! One file serves all commands; `SHOP__SERVICES__ORDER__PASSWORD_FILE` and the like keep secrets out of it.

mod names;
mod tenant;

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use messaging::BrokerSettings;
use serde::{Deserialize, Serialize};
use service_kit::settings::{Secret, StoreSettings};
use service_kit::telemetry::LogSettings;
use store_kit::StoreKind;

pub use self::tenant::{BrokerUser, Login, Tenant};
use crate::error::Error;
use crate::servers;

/// A service that has a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Accounts.
    User,
    /// Catalog and inventory.
    Product,
    /// Orders.
    Order,
    /// Notifications.
    Notification,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Product, Self::Order, Self::Notification];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
            Self::Notification => "notification",
        }
    }

    /// The server that keeps its store in a cluster.
    #[must_use]
    pub fn engine(self) -> StoreKind {
        match self {
            Self::User | Self::Product => StoreKind::MongoDb,
            Self::Order | Self::Notification => StoreKind::Postgres,
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A server that an extra service may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackEnd {
    /// MongoDB.
    MongoDb,
    /// PostgreSQL.
    Postgres,
    /// RabbitMQ.
    RabbitMq,
}

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is logged, to standard error.
    pub log: LogSettings,
    /// The store of the one service that a command is about. Also `STORE_URL`, `STORE_URL_FILE`.
    pub store: StoreSettings,
    /// PostgreSQL, as its administrator.
    pub postgres: StoreSettings,
    /// MongoDB, as its administrator.
    pub mongodb: StoreSettings,
    /// RabbitMQ, as its administrator; the URL's vhost is the platform's. Also `BROKER_URL`, `BROKER_URL_FILE`.
    pub broker: BrokerSettings,
    /// RabbitMQ's management API.
    pub broker_api: BrokerApi,
    /// The four services.
    pub services: Services,
    /// Services of your own, by name.
    pub extra: BTreeMap<String, ExtraSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: LogSettings {
                filter: "error".to_owned(),
                ..LogSettings::default()
            },
            store: StoreSettings::default(),
            postgres: StoreSettings::default(),
            mongodb: StoreSettings::default(),
            broker: BrokerSettings::default(),
            broker_api: BrokerApi::default(),
            services: Services::default(),
            extra: BTreeMap::new(),
        }
    }
}

/// RabbitMQ's management API.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerApi {
    /// `http://[user:password@]host:15672`. Without a user, the one of `broker` is used.
    pub url: String,
    /// How many nodes the cluster has; 0 if that does not matter. Nothing is made before so many run: a queue that is made
    /// earlier has its copies on fewer.
    pub nodes: usize,
}

/// The four services.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Services {
    /// Accounts, on MongoDB.
    pub user: ServiceSettings,
    /// Catalog and inventory, on MongoDB.
    pub product: ServiceSettings,
    /// Orders, on PostgreSQL.
    pub order: ServiceSettings,
    /// Notifications, on PostgreSQL.
    pub notification: ServiceSettings,
}

impl Services {
    /// One of them.
    #[must_use]
    pub fn get(&self, service: Service) -> &ServiceSettings {
        match service {
            Service::User => &self.user,
            Service::Product => &self.product,
            Service::Order => &self.order,
            Service::Notification => &self.notification,
        }
    }
}

/// What one of the four services has on the servers. What is empty is the service's name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceSettings {
    /// Its database.
    pub database: String,
    /// Its user, on the store's server and on the broker.
    pub username: String,
    /// That user's password.
    pub password: Secret,
    /// The password on the broker; empty for the same.
    pub broker_password: Secret,
    /// The user that migrates. With one, the service's own user cannot change the schema.
    pub migrator: Migrator,
    /// Users that it had before, on all servers. They are locked out.
    pub retired: Vec<String>,
    /// Servers on which somebody else sees to what it has: it is left alone there.
    pub elsewhere: Vec<BackEnd>,
    /// Its store, if it is not on the servers above; also to reach it as somebody else.
    pub store: StoreSettings,
}

/// The user that migrates a service's store; none if it has no password.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Migrator {
    /// Its name; empty for the service's with `-migrator`.
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// What a service of your own has on the servers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtraSettings {
    /// The servers it needs: `mongodb`, `postgres`, `rabbitmq`.
    pub needs: Vec<BackEnd>,
    /// Its database on each of the first two.
    pub database: String,
    /// Its user.
    pub username: String,
    /// That user's password.
    pub password: Secret,
    /// The password on the broker; empty for the same.
    pub broker_password: Secret,
    /// The user that migrates.
    pub migrator: Migrator,
    /// Users that it had before, on all servers. They are locked out.
    pub retired: Vec<String>,
    /// The first words of the types of its own events: `review` for `review.written.v1`.
    pub tells: Vec<String>,
    /// The types of events that its queues may be bound to: `order.delivered.v1`.
    pub hears: Vec<String>,
}

impl Settings {
    /// The settings of a service's store: named by itself, or on the server of its kind, or a file in the folder of a shop.
    pub fn store_of(&self, service: Service, data: Option<&Path>) -> Result<StoreSettings, Error> {
        let own = &self.services.get(service).store;
        if !own.url.is_empty() {
            return Ok(own.clone());
        }
        if let Some(folder) = data {
            return file_in(folder, service);
        }
        let server = match service.engine() {
            StoreKind::Postgres => &self.postgres,
            _ => &self.mongodb,
        };
        if server.url.is_empty() {
            return Err(Error::Usage(format!(
                "it is not known where the store of {service} is: set STORE_URL (and name one --service), or --data to the \
                 folder of a shop, or services.{service}.store.url in a file for --config"
            )));
        }
        let tenant = self.tenant(service)?;
        Ok(servers::store_of(server, &tenant.database, &tenant.user))
    }

    /// Everybody who has something on the servers.
    pub fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let services = Service::ALL.map(|service| self.tenant(service));
        let extra = self.extra.iter();
        let extra = extra.map(|(name, extra)| Tenant::of_extra(name, extra));
        let tenants = services.into_iter().chain(extra);
        let tenants = tenants.collect::<Result<Vec<_>, _>>()?;
        names::check_apart(&tenants)?;
        Ok(tenants)
    }

    /// What a service has on the servers.
    pub fn tenant(&self, service: Service) -> Result<Tenant, Error> {
        Tenant::of_service(service, self.services.get(service))
    }
}

fn file_in(folder: &Path, service: Service) -> Result<StoreSettings, Error> {
    let path = std::path::absolute(folder.join(format!("{service}.db")));
    let path = path.map_err(|error| Error::Usage(format!("--data names no folder: {error}")))?;
    Ok(StoreSettings {
        url: format!("sqlite://{}", path.display()),
        ..StoreSettings::default()
    })
}

#[cfg(test)]
mod tests;
