//! Makes what the services need on the servers: databases, users that can do their work and no more, a vhost, queues.
//!
//! It looks before it does anything, so it may be run any number of times; it never drops anything. What fails is told, and
//! the rest of that service on that server is left out; running it again carries on.

mod journal;
mod mongo;
mod postgres;
mod rabbit;

use std::future::Future;
use std::time::Duration;

pub use self::journal::{Journal, State, Step, Stopped};
pub(crate) use self::mongo::{administrator as mongo_administrator, close as close_mongo};
pub(crate) use self::postgres::administrator as pg_administrator;
pub(crate) use self::rabbit::{
    administrator as rabbit_administrator, missing as missing_on_broker,
};
use crate::error::Error;
use crate::settings::{Settings, Tenant};

/// How to provision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Initiate the MongoDB replica set if it never was, and add members of the URL that it lacks.
    pub initiate_replica_set: bool,
}

/// Provisions everything that the settings name.
pub async fn provision(settings: &Settings, options: Options) -> Result<Journal, Error> {
    let journal = Journal::new(options.dry_run);
    provision_into(journal, settings, options).await
}

/// How long until another try.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Provisions again and again until nothing fails, for so long: in a cluster the servers are started at the same time. Tells of
/// the last try.
pub async fn provision_within(
    patience: Duration,
    settings: &Settings,
    options: Options,
) -> Result<Journal, Error> {
    let started = tokio::time::Instant::now();
    let mut journal = provision(settings, options).await?;
    while journal.count(State::Failed) > 0 && started.elapsed() < patience {
        tokio::time::sleep(BETWEEN_TRIES).await;
        journal = provision_into(journal.again(), settings, options).await?;
    }
    Ok(journal)
}

async fn provision_into(
    mut journal: Journal,
    settings: &Settings,
    options: Options,
) -> Result<Journal, Error> {
    let tenants = settings.tenants()?;
    check(settings, &tenants)?;
    if !settings.mongodb.url.is_empty() {
        let initiate = options.initiate_replica_set;
        let done = mongo::provision(settings, &tenants, initiate, &mut journal);
        go_on(done).await;
    }
    if !settings.postgres.url.is_empty() {
        go_on(postgres::provision(settings, &tenants, &mut journal)).await;
    }
    if !settings.broker.url.is_empty() {
        go_on(rabbit::provision(settings, &tenants, &mut journal)).await;
    }
    Ok(journal)
}

/// What stops one server's part is in the journal; the others' go on.
async fn go_on(part: impl Future<Output = Result<(), Stopped>>) {
    let _ = part.await;
}

/// Refuses settings that would leave something half done.
fn check(settings: &Settings, tenants: &[Tenant]) -> Result<(), Error> {
    let usage = |text: String| Err(Error::Usage(text));
    let urls = [
        &settings.mongodb.url,
        &settings.postgres.url,
        &settings.broker.url,
    ];
    if urls.iter().all(|url| url.is_empty()) {
        return usage(
            "no server is named: set mongodb.url, postgres.url and broker.url, or those that are to be provisioned, in a \
             file for --config or as SHOP__MONGODB__URL and the like"
                .to_owned(),
        );
    }
    if !settings.broker.url.is_empty() && settings.broker_api.url.is_empty() {
        return usage(
            "broker_api.url is not set: users and permissions of RabbitMQ are made by its management API; set it to \
             http://host:15672"
                .to_owned(),
        );
    }
    for tenant in tenants {
        let stored = (tenant.on_postgres && !settings.postgres.url.is_empty())
            || (tenant.on_mongodb && !settings.mongodb.url.is_empty());
        let broker = tenant.broker.as_ref();
        let broker = broker.filter(|_| !settings.broker.url.is_empty());
        let lacks_password = (stored && tenant.user.password.is_empty())
            || broker.is_some_and(|broker| broker.login.password.is_empty());
        if lacks_password {
            let at = tenant.setting();
            return usage(format!(
                "{at}.password is not set: put it into a file and name that in SHOP__{}__PASSWORD_FILE",
                at.to_uppercase().replace('.', "__")
            ));
        }
        let needs = [
            (tenant.on_postgres, &settings.postgres.url, "postgres.url"),
            (tenant.on_mongodb, &settings.mongodb.url, "mongodb.url"),
            (tenant.broker.is_some(), &settings.broker.url, "broker.url"),
        ];
        let unmet = needs
            .iter()
            .find(|(needed, url, _)| *needed && url.is_empty());
        if let (None, Some((_, _, setting))) = (tenant.service, unmet) {
            return usage(format!(
                "extra.{} needs a server that is not named; set {setting}",
                tenant.name
            ));
        }
    }
    Ok(())
}
