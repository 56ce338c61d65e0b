//! RabbitMQ: a vhost, a user for each service, and all queues before anything is published.

use contracts::topology::BINDINGS;
use messaging::rabbitmq::admin::{Admin, AdminError};
use messaging::rabbitmq::{Account, EXCHANGE, RabbitBroker};
use messaging::{Broker as _, BrokerError, ConnectError, dead_letters_of, rabbitmq};
use service_kit::settings::Secret;
use service_kit::{Lifecycle, LifecycleSettings};

use super::journal::{Journal, Stopped};
use crate::servers;
use crate::settings::{BrokerUser, Settings, Tenant};

/// In the journal.
pub(super) const SERVER: &str = "rabbitmq";

/// The management API, as the user of its URL, or else as `account`.
pub(crate) fn administrator(settings: &Settings, account: &Account) -> Result<Admin, AdminError> {
    let url = &settings.broker_api.url;
    if servers::names_user(url) {
        Admin::new(url, "", &Secret::default())
    } else {
        Admin::new(url, &account.user, &account.password)
    }
}

pub(super) async fn provision(
    settings: &Settings,
    tenants: &[Tenant],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let account = rabbitmq::account(&settings.broker);
    let account = journal.looked(SERVER, "the settings are understood", account)?;
    let admin = administrator(settings, &account);
    let admin = journal.looked(SERVER, "the settings are understood", admin)?;
    let vhost = account.vhost;
    let overview = admin.overview().await;
    journal.looked(SERVER, "the administrator is let in", overview)?;
    all_nodes_run(&admin, settings.broker_api.nodes, journal).await?;

    let thing = format!("vhost {vhost} exists");
    let was_there = admin.has_vhost(&vhost).await;
    let was_there = journal.looked(SERVER, &thing, was_there)?;
    let make = admin.make_vhost(&vhost);
    journal.ensure(SERVER, thing, was_there, make).await?;

    // Whoever makes a vhost may work in it.
    if was_there || !journal.is_dry_run() {
        let user = account.user;
        let thing = format!("administrator {user} may work in vhost {vhost}");
        let found = admin.permissions(&vhost, &user).await;
        let found = journal.looked(SERVER, &thing, found)?.is_some();
        let grant = admin.grant_all(&vhost, &user);
        journal.ensure(SERVER, thing, found, grant).await?;
    }

    queues(settings, &admin, &vhost, journal).await?;
    for tenant in tenants {
        if let Some(broker) = &tenant.broker {
            // What stops one tenant is told; the others are made all the same.
            let _ = one(&admin, &vhost, broker, &tenant.retired, journal).await;
        }
    }
    Ok(())
}

/// Fewer nodes run than there are.
#[derive(Debug, thiserror::Error)]
#[error("{running} run; those that are missing may still be starting")]
struct NodesMissing {
    running: usize,
}

async fn all_nodes_run(admin: &Admin, nodes: usize, journal: &mut Journal) -> Result<(), Stopped> {
    if nodes == 0 {
        return Ok(());
    }
    let thing = format!("all {nodes} nodes of the cluster run");
    let found = journal.looked(SERVER, &thing, admin.nodes().await)?;
    let running = found.iter().filter(|node| node.running).count();
    if running < nodes {
        return Err(journal.failed(SERVER, thing, &NodesMissing { running }));
    }
    Ok(())
}

/// Names of the queues and exchanges that are missing, or lack bindings.
pub(crate) async fn missing(admin: &Admin, vhost: &str) -> Result<Vec<String>, AdminError> {
    let mut missing = Vec::new();
    if !admin.has_exchange(vhost, EXCHANGE).await? {
        missing.push(format!("exchange {EXCHANGE}"));
    }
    let mut dead_letters: Vec<_> = BINDINGS
        .iter()
        .map(|binding| dead_letters_of(binding.queue))
        .collect();
    dead_letters.dedup();
    for queue in dead_letters {
        if admin.queue(vhost, &queue).await?.is_none() {
            missing.push(format!("queue {queue}"));
        } else if admin.bindings(vhost, &queue, &queue).await?.is_empty() {
            missing.push(format!("binding of {queue}"));
        }
    }
    for binding in BINDINGS {
        let queue = binding.queue;
        if admin.queue(vhost, queue).await?.is_none() {
            missing.push(format!("queue {queue}"));
            continue;
        }
        let bound = admin.bindings(vhost, EXCHANGE, queue).await?;
        let unbound = binding.types.iter();
        let unbound = unbound.filter(|event_type| !bound.contains(event_type.as_str()));
        missing.extend(unbound.map(|event_type| format!("binding of {queue} to {event_type}")));
    }
    Ok(missing)
}

async fn queues(
    settings: &Settings,
    admin: &Admin,
    vhost: &str,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let thing = format!("all queues and bindings exist in vhost {vhost}");
    let missing = missing(admin, vhost).await;
    let missing = journal.looked(SERVER, &thing, missing)?;
    let thing = if missing.is_empty() {
        thing
    } else {
        format!("{thing} (missing: {})", missing.join(", "))
    };
    let declare = declare(settings);
    journal
        .ensure(SERVER, thing, missing.is_empty(), declare)
        .await
}

/// Why the queues could not be made.
#[derive(Debug, thiserror::Error)]
enum DeclareError {
    #[error(transparent)]
    Settings(#[from] ConnectError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

async fn declare(settings: &Settings) -> Result<(), DeclareError> {
    let life = Lifecycle::new("shopctl", LifecycleSettings::default());
    let broker = RabbitBroker::connect(&settings.broker, "shopctl", &life)?;
    let declared = broker.declare(BINDINGS).await;
    broker.close().await;
    Ok(declared?)
}

async fn one(
    admin: &Admin,
    vhost: &str,
    broker: &BrokerUser,
    retired: &[String],
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let (user, password) = (&broker.login.name, &broker.login.password);
    let thing = format!("user {user} exists and has the password of the settings");
    let found = admin.user(user).await;
    let found = journal.looked(SERVER, &thing, found)?;
    // A hash that is not understood is set anew.
    let is_so = found.is_some_and(|found| found.has_password(password) == Some(true));
    let make = admin.make_user(user, password);
    journal.ensure(SERVER, thing, is_so, make).await?;

    let thing = format!("user {user} may do its work in vhost {vhost}, and no more");
    let granted = admin.permissions(vhost, user).await;
    let granted = journal.looked(SERVER, &thing, granted)?;
    let topics = admin.has_topic_permissions(vhost, user, &broker.topics);
    let topics = journal.looked(SERVER, &thing, topics.await)?;
    let is_so = topics && granted.as_ref() == Some(&broker.permissions);
    let grant = admin.grant(vhost, user, &broker.permissions, &broker.topics);
    journal.ensure(SERVER, thing, is_so, grant).await?;
    for user in retired {
        let thing = format!("there is no user {user}");
        let found = journal.looked(SERVER, &thing, admin.user(user).await)?;
        // Its connections end with it.
        let delete = admin.delete_user(user);
        journal
            .ensure(SERVER, thing, found.is_none(), delete)
            .await?;
    }
    Ok(())
}
