//! Private servers that ask who one is.

use messaging::BrokerSettings;
use mongo_store::mongodb::Client;
use service_kit::settings::{Secret, StoreSettings};
use shopctl::doctor::{Check, examine};
use shopctl::provision::{Journal, Options, provision};
use shopctl::settings::{BackEnd, BrokerApi, ExtraSettings, Service, Settings};
use sqlx::{Connection as _, PgConnection};
use testkit::servers::{Mongo, MongoOptions, Postgres, Rabbit};

/// The servers, and the settings that name them.
pub struct Servers {
    pub postgres: Postgres,
    pub mongo: Mongo,
    pub rabbit: Rabbit,
    pub settings: Settings,
}

pub fn store(url: String) -> StoreSettings {
    StoreSettings {
        url,
        ..StoreSettings::default()
    }
}

pub async fn servers() -> Servers {
    let options = MongoOptions {
        authentication: true,
        ..MongoOptions::default()
    };
    let (postgres, mongo, rabbit) = tokio::try_join!(
        Postgres::start(),
        Mongo::start_with(&options),
        Rabbit::start()
    )
    .unwrap();
    let mut settings = Settings {
        postgres: store(postgres.url()),
        mongodb: store(mongo.url()),
        broker: BrokerSettings::at(rabbit.url().replace("%2f", "shop")),
        broker_api: BrokerApi {
            url: rabbit.api_url(),
            ..BrokerApi::default()
        },
        ..Settings::default()
    };
    let services = &mut settings.services;
    services.user.password = Secret::from("user-1");
    services.product.password = Secret::from("product-1");
    services.order.password = Secret::from("order-1");
    services.notification.password = Secret::from("notification-1");
    services.notification.migrator.password = Secret::from("migrator-1");
    let reviews = ExtraSettings {
        needs: vec![BackEnd::Postgres, BackEnd::MongoDb, BackEnd::RabbitMq],
        password: Secret::from("reviews-1"),
        tells: vec!["review".to_owned()],
        hears: vec!["order.delivered.v1".to_owned()],
        ..ExtraSettings::default()
    };
    settings.extra.insert("reviews".to_owned(), reviews);
    Servers {
        postgres,
        mongo,
        rabbit,
        settings,
    }
}

impl Servers {
    pub async fn provision(&self, options: Options) -> Journal {
        provision(&self.settings, options).await.unwrap()
    }

    pub async fn remove(self) {
        self.postgres.remove().await.unwrap();
        self.mongo.remove().await.unwrap();
        self.rabbit.remove().await.unwrap();
    }

    /// Migrates all stores as those who may; the two on MongoDB as their services.
    pub async fn migrate(&self) {
        let of = |service| self.settings.store_of(service, None).unwrap();
        user::store::migrate(&of(Service::User)).await.unwrap();
        product::store::migrate(&of(Service::Product))
            .await
            .unwrap();
        order::store::migrate(&of(Service::Order)).await.unwrap();
        let notification = of(Service::Notification);
        let migrator = StoreSettings {
            username: "notification-migrator".to_owned(),
            password: Secret::from("migrator-1"),
            ..notification
        };
        notification::store::migrate(&migrator).await.unwrap();
    }

    /// All but the disk, which is this machine's.
    pub async fn examine(&self) -> Vec<Check> {
        let findings = examine(&self.settings, None).await.unwrap();
        let checks = findings.checks().iter();
        let checks = checks.filter(|check| check.subject != "disk");
        checks.cloned().collect()
    }

    /// As a user of a database.
    pub async fn mongodb_as(&self, database: &str, user: &str, password: &str) -> Client {
        let login = format!("mongodb://{user}:{password}@");
        let url = self.mongo.url();
        let (_, hosts) = url.split_once('@').unwrap();
        let (hosts, _) = hosts.split_once('/').unwrap();
        let url = format!("{login}{hosts}/{database}?replicaSet=rs0");
        Client::with_uri_str(&url).await.unwrap()
    }

    /// As a user of a service, in a database.
    pub async fn postgres(&self, user: &str, database: &str) -> sqlx::Result<PgConnection> {
        let port = self.postgres.port();
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
        PgConnection::connect(&url).await
    }
}
