//! Somebody who has databases and users on the servers.

use messaging::rabbitmq::permissions::{
    Permissions, TopicPermissions, extra_topic_permissions, permissions, topic_permissions,
};
use service_kit::settings::Secret;
use store_kit::StoreKind;

use super::names::{checked, checked_family, checked_type};
use super::{BackEnd, ExtraSettings, Migrator, Service, ServiceSettings};
use crate::error::Error;

/// A user of a server.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
}

/// A user of the broker.
#[derive(Clone, Debug)]
pub struct BrokerUser {
    /// Name and password.
    pub login: Login,
    /// What it may make, write to and read from.
    pub permissions: Permissions,
    /// Which events it may tell and hear.
    pub topics: TopicPermissions,
}

/// What one service has on the servers.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The service.
    pub name: String,
    /// One of the four.
    pub service: Option<Service>,
    /// The name of its database.
    pub database: String,
    /// Who works on it.
    pub user: Login,
    /// Who changes its schema; if there is none, the user does.
    pub migrator: Option<Login>,
    /// Whether it has a database on PostgreSQL.
    pub on_postgres: bool,
    /// Whether it has a database on MongoDB.
    pub on_mongodb: bool,
    /// Its user of the broker.
    pub broker: Option<BrokerUser>,
    /// Users that it had before, and that must not get in any more.
    pub retired: Vec<String>,
    /// The first words of the types of an extra service's events.
    pub(super) families: Vec<String>,
}

impl Tenant {
    pub(super) fn of_service(service: Service, settings: &ServiceSettings) -> Result<Self, Error> {
        let (name, at) = (service.as_str(), format!("services.{service}"));
        let user = login(&at, name, &settings.username, &settings.password)?;
        let is_here = |back_end| !settings.elsewhere.contains(&back_end);
        let broker = is_here(BackEnd::RabbitMq).then(|| BrokerUser {
            login: broker_login(&user, &settings.broker_password),
            permissions: permissions(name),
            topics: topic_permissions(name),
        });
        Ok(Self {
            name: name.to_owned(),
            service: Some(service),
            database: or_name(&format!("{at}.database"), &settings.database, name)?,
            migrator: migrator(&at, &user, &settings.migrator)?,
            retired: retired(&at, &settings.retired)?,
            user,
            on_postgres: service.engine() == StoreKind::Postgres && is_here(BackEnd::Postgres),
            on_mongodb: service.engine() == StoreKind::MongoDb && is_here(BackEnd::MongoDb),
            broker,
            families: Vec::new(),
        })
    }

    pub(super) fn of_extra(name: &str, settings: &ExtraSettings) -> Result<Self, Error> {
        let at = format!("extra.{name}");
        let name = checked("a key of `extra`", name)?;
        let user = login(&at, &name, &settings.username, &settings.password)?;
        let families = settings.tells.iter();
        let families = families.map(|family| checked_family(&name, family));
        let families = families.collect::<Result<Vec<_>, _>>()?;
        let heard = settings.hears.iter();
        let heard = heard.map(|event_type| checked_type(&name, event_type));
        let heard = heard.collect::<Result<Vec<_>, _>>()?;
        let needs = |back_end| settings.needs.contains(&back_end);
        let broker = needs(BackEnd::RabbitMq).then(|| BrokerUser {
            login: broker_login(&user, &settings.broker_password),
            permissions: permissions(&name),
            topics: extra_topic_permissions(&families, &heard),
        });
        Ok(Self {
            service: None,
            database: or_name(&format!("{at}.database"), &settings.database, &name)?,
            migrator: migrator(&at, &user, &settings.migrator)?,
            retired: retired(&at, &settings.retired)?,
            on_postgres: needs(BackEnd::Postgres),
            on_mongodb: needs(BackEnd::MongoDb),
            name,
            user,
            broker,
            families,
        })
    }

    /// Where it is in the settings.
    #[must_use]
    pub fn setting(&self) -> String {
        let group = if self.service.is_some() {
            "services"
        } else {
            "extra"
        };
        format!("{group}.{}", self.name)
    }

    /// Whether one of its users may change the schema.
    #[must_use]
    pub fn changes_schema(&self, login: &str) -> bool {
        self.migrator
            .as_ref()
            .is_none_or(|migrator| migrator.name == login)
    }

    /// Its users of the stores' servers.
    pub fn logins(&self) -> impl Iterator<Item = &Login> {
        std::iter::once(&self.user).chain(&self.migrator)
    }
}

fn or_name(what: &str, set: &str, name: &str) -> Result<String, Error> {
    checked(what, if set.is_empty() { name } else { set })
}

fn login(at: &str, name: &str, username: &str, password: &Secret) -> Result<Login, Error> {
    Ok(Login {
        name: or_name(&format!("{at}.username"), username, name)?,
        password: password.clone(),
    })
}

fn retired(at: &str, names: &[String]) -> Result<Vec<String>, Error> {
    let names = names.iter();
    names
        .map(|name| checked(&format!("{at}.retired"), name))
        .collect()
}

fn broker_login(user: &Login, password: &Secret) -> Login {
    let own = Some(password).filter(|password| !password.is_empty());
    Login {
        name: user.name.clone(),
        password: own.unwrap_or(&user.password).clone(),
    }
}

fn migrator(at: &str, user: &Login, settings: &Migrator) -> Result<Option<Login>, Error> {
    if settings.password.is_empty() {
        return Ok(None);
    }
    let usual = format!("{}-migrator", user.name);
    let at = format!("{at}.migrator");
    login(&at, &usual, &settings.username, &settings.password).map(Some)
}
