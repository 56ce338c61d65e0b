//! Servers that others run, outside the cluster: as `examples/external-back-ends.yaml` has them, on a MongoDB, a PostgreSQL and a
//! RabbitMQ that are processes of this machine; and a mail server, which is a fake.

use std::net::IpAddr;

use anyhow::Result;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};
use kube::api::PostParams;
use serde_json::{Value, json};
use testkit::checker::{StoreUrls, Stores};
use testkit::mail_server::FakeMailServer;
use testkit::servers::{Mongo, MongoOptions, Postgres, Rabbit};

use crate::cluster::Space;
use crate::journey::walk;
use crate::platform::{Platform, ask_for, until_ready};

/// Where they listen, which pods must reach. `make e2e` names it in the cluster of `hack/cluster`.
const HOST: &str = "TEST_SERVERS_HOST";

/// One of each.
struct Servers {
    mongo: Mongo,
    postgres: Postgres,
    rabbit: Rabbit,
}

impl Servers {
    async fn start() -> Result<Self> {
        let options = MongoOptions {
            authentication: true,
            ..MongoOptions::default()
        };
        let (mongo, postgres, rabbit) = tokio::try_join!(
            Mongo::start_with(&options),
            Postgres::start(),
            Rabbit::start()
        )?;
        Ok(Self {
            mongo,
            postgres,
            rabbit,
        })
    }

    /// Databases and users are made by the platform on MongoDB and RabbitMQ, and by somebody else on PostgreSQL.
    async fn secrets(&self) -> Result<[(&'static str, Value); 3]> {
        let mongo = self.mongo.url();
        let rabbit = self.rabbit.url().replace("/%2f", "/shop");
        Ok([
            (
                "mongodb",
                json!({"uri": without_login(&mongo).replace("&authSource=admin", ""), "adminUri": mongo}),
            ),
            (
                "postgres",
                json!({
                    "order.uri": self.postgres.make_database("order").await?,
                    "notification.uri": self.postgres.make_database("notification").await?,
                }),
            ),
            (
                "rabbitmq",
                json!({"uri": without_login(&rabbit), "adminUri": rabbit, "managementUri": without_login(&self.rabbit.api_url())}),
            ),
        ])
    }

    /// As administrator, who may look into all of it.
    fn urls(&self) -> StoreUrls {
        let mongo = |database: &str| self.mongo.url().replace("/?", &format!("/{database}?"));
        let postgres = self.postgres.url();
        let sql = |database: &str| match postgres.rsplit_once('/') {
            Some((server, _)) => format!("{server}/{database}"),
            None => postgres.clone(),
        };
        StoreUrls {
            user: mongo("user"),
            product: mongo("product"),
            order: sql("order"),
            notification: sql("notification"),
            broker: self.rabbit.url().replace("/%2f", "/shop"),
        }
    }

    async fn remove(self) -> Result<()> {
        self.mongo.remove().await?;
        self.postgres.remove().await?;
        self.rabbit.remove().await
    }
}

fn without_login(url: &str) -> String {
    match url.split_once("://").zip(url.split_once('@')) {
        Some(((scheme, _), (_, rest))) => format!("{scheme}://{rest}"),
        None => url.to_owned(),
    }
}

async fn make_secret(space: &Space, name: &str, content: &Value) -> Result<()> {
    let secret = serde_json::from_value(json!({
        "metadata": {"name": name},
        "stringData": content,
    }))?;
    let secrets = space.all::<Secret>();
    secrets.create(&PostParams::default(), &secret).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_works_on_servers_that_are_outside_the_cluster_and_keeps_no_data_in_it() {
    let host = std::env::var(HOST).unwrap_or_default();
    let host: IpAddr = host
        .parse()
        .unwrap_or_else(|_| panic!("{HOST} is an address of this machine that pods reach"));
    let mailbox = tempfile::tempdir().unwrap();
    let mails = FakeMailServer::start_at(host, mailbox.path())
        .await
        .unwrap();
    let servers = Servers::start().await.unwrap();
    let space = Space::new("external").await.unwrap();
    for (name, content) in servers.secrets().await.unwrap() {
        make_secret(&space, name, &content).await.unwrap();
    }
    let smtp = json!({"url": format!("smtp://{}?tls=none", mails.address())});
    make_secret(&space, "smtp", &smtp).await.unwrap();
    let external =
        |secret: &str| json!({"mode": "External", "external": {"secretRef": {"name": secret}}});
    let spec = json!({
        "mongodb": external("mongodb"),
        "postgres": external("postgres"),
        "rabbitmq": external("rabbitmq"),
        "notifications": {"email": {"from": "Shop <shop@example.com>", "smtpUrlSecretRef": {"name": "smtp", "key": "url"}}},
    });
    ask_for(&space, &spec).await.unwrap();
    until_ready(&space).await.unwrap();
    let disks = space.names::<PersistentVolumeClaim>("").await.unwrap();
    let servers_inside = space.names::<StatefulSet>("").await.unwrap();
    assert_eq!([disks, servers_inside].concat(), Vec::<String>::new());

    let urls = servers.urls();
    let stores = Stores::at(&urls)
        .await
        .unwrap()
        .mailing_to(mailbox.path().to_owned());
    let shop = Platform::with_stores(space, stores, &urls.broker)
        .await
        .unwrap();
    walk(&shop).await.unwrap();
    // The checker has seen that each is there once; and these are some.
    let seen = shop.quiescent().await.unwrap();
    assert!(seen.mails.is_some_and(|mails| !mails.arrived.is_empty()));
    shop.space.remove().await.unwrap();
    servers.remove().await.unwrap();
}
