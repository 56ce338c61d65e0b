//! RabbitMQ.

use std::time::Duration;

use contracts::topology::BINDINGS;
use contracts::{Clock as _, SystemClock, Timestamp};
use messaging::rabbitmq::admin::{Admin, AdminError};
use messaging::rabbitmq::{self, try_connection};
use messaging::{BrokerSettings, dead_letters_of};

use super::check::Findings;
use crate::provision::{missing_on_broker, rabbit_administrator};
use crate::settings::{BrokerUser, Settings, Tenant};

const PLACE: &str = "rabbitmq";
/// The oldest server that is used.
const OLDEST: (u32, u32) = (3, 10);

pub(super) async fn examine(settings: &Settings, tenants: &[Tenant], findings: &mut Findings) {
    let account = rabbitmq::account(&settings.broker);
    let Some(account) = findings.looked(PLACE, "settings", account) else {
        return;
    };
    let connected = try_connection(&settings.broker, "shopctl").await;
    if findings.looked(PLACE, "connection", connected).is_some() {
        let found = format!("lets {} into vhost {}", account.user, account.vhost);
        findings.ok(PLACE, "connection", found);
    }
    if settings.broker_api.url.is_empty() {
        findings.warn(
            PLACE,
            "management API",
            "broker_api.url is not set, so users, queues and alarms were not looked at",
        );
        return;
    }
    let admin = rabbit_administrator(settings, &account);
    let Some(admin) = findings.looked(PLACE, "management API", admin) else {
        return;
    };
    if !server(&admin, findings).await {
        return;
    }
    queues(&admin, &account.vhost, findings).await;
    for tenant in tenants {
        if let Some(broker) = &tenant.broker {
            user(
                &settings.broker,
                &admin,
                &account.vhost,
                tenant,
                broker,
                findings,
            )
            .await;
        }
    }
}

/// Whether the rest can be looked at as well.
async fn server(admin: &Admin, findings: &mut Findings) -> bool {
    let overview = admin.overview().await;
    let Some(overview) = findings.looked(PLACE, "management API", overview) else {
        return false;
    };
    let version = overview.rabbitmq_version;
    if is_recent(&version) {
        findings.ok(PLACE, "version", format!("RabbitMQ {version}"));
    } else {
        let (major, minor) = OLDEST;
        let found = format!("RabbitMQ {version}; upgrade it to {major}.{minor} or newer");
        findings.fail(PLACE, "version", found);
    }
    let before = SystemClock.now();
    let date = admin.date().await;
    if let Some(Some(date)) = findings.looked(PLACE, "clock", date)
        && let Some(clock) = http_date(&date)
    {
        findings.clock(PLACE, before, clock, Duration::from_secs(1));
    }
    let nodes = admin.nodes().await;
    for node in findings.looked(PLACE, "nodes", nodes).unwrap_or_default() {
        let subject = format!("node {}", node.name);
        let alarms: Vec<_> = [
            (!node.running, "it does not run; look at its log"),
            (
                node.mem_alarm,
                "it is short of memory and takes no events; consumers must catch up, or give it more",
            ),
            (
                node.disk_free_alarm,
                "it is short of disk and takes no events; make its disk larger",
            ),
        ]
        .into_iter()
        .filter_map(|(is_so, what)| is_so.then_some(what))
        .collect();
        if alarms.is_empty() {
            findings.ok(PLACE, subject, "runs, no alarm");
        } else {
            findings.fail(PLACE, subject, alarms.join("; "));
        }
    }
    true
}

fn is_recent(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let major = parts.next().flatten().unwrap_or(0);
    let minor = parts.next().flatten().unwrap_or(0);
    (major, minor) >= OLDEST
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_unix_millis(
        date.timestamp().as_millisecond(),
    ))
}

async fn queues(admin: &Admin, vhost: &str, findings: &mut Findings) {
    let missing = missing_on_broker(admin, vhost).await;
    match findings.looked(PLACE, "queues", missing) {
        Some(missing) if missing.is_empty() => {
            findings.ok(PLACE, "queues", "all queues and bindings are there");
        }
        Some(missing) => {
            let found = format!(
                "missing: {}; run `shopctl provision`, then `shopctl outbox replay --since` a time before they went missing",
                missing.join(", ")
            );
            findings.fail(PLACE, "queues", found);
        }
        None => {}
    }
    let dead = dead_letters(admin, vhost).await;
    match findings.looked(PLACE, "dead letters", dead) {
        Some(dead) if dead.is_empty() => findings.ok(PLACE, "dead letters", "none wait"),
        Some(dead) => {
            let found = format!(
                "{} wait; their services park them when they run, then see `shopctl parked list`",
                dead.join(", ")
            );
            findings.warn(PLACE, "dead letters", found);
        }
        None => {}
    }
}

async fn dead_letters(admin: &Admin, vhost: &str) -> Result<Vec<String>, AdminError> {
    let mut queues: Vec<_> = BINDINGS
        .iter()
        .map(|binding| dead_letters_of(binding.queue))
        .collect();
    queues.dedup();
    let mut dead = Vec::new();
    for name in queues {
        let queue = admin.queue(vhost, &name).await?;
        let messages = queue.map_or(0, |queue| queue.messages);
        if messages > 0 {
            dead.push(format!("{messages} in {name}"));
        }
    }
    Ok(dead)
}

async fn user(
    settings: &BrokerSettings,
    admin: &Admin,
    vhost: &str,
    tenant: &Tenant,
    broker: &BrokerUser,
    findings: &mut Findings,
) {
    let login = &broker.login;
    let subject = format!("user {} of {}", login.name, tenant.name);
    let wrong = wrongs(admin, vhost, broker).await;
    let Some(mut wrong) = findings.looked(PLACE, &subject, wrong) else {
        return;
    };
    if wrong.is_empty() && !login.password.is_empty() {
        let as_user = BrokerSettings {
            username: login.name.clone(),
            password: login.password.clone(),
            ..settings.clone()
        };
        let connected = try_connection(&as_user, "shopctl").await;
        wrong.extend(connected.err().map(|error| error.to_string()));
    }
    if wrong.is_empty() {
        let found = "can do its work, and neither tells nor hears another service's events";
        findings.ok(PLACE, subject, found);
    } else {
        let wrong = wrong.join("; ");
        findings.fail(PLACE, subject, format!("{wrong}; run `shopctl provision`"));
    }
}

async fn wrongs(
    admin: &Admin,
    vhost: &str,
    broker: &BrokerUser,
) -> Result<Vec<String>, AdminError> {
    let name = &broker.login.name;
    if admin.user(name).await?.is_none() {
        return Ok(vec!["it does not exist".to_owned()]);
    }
    let mut wrong = Vec::new();
    match admin.permissions(vhost, name).await? {
        None => wrong.push(format!("may do nothing in vhost {vhost}")),
        Some(granted) if granted != broker.permissions => {
            wrong.push("may make, write to or read from other queues than it should".to_owned());
        }
        Some(_) => {}
    }
    let topics = admin.has_topic_permissions(vhost, name, &broker.topics);
    if !topics.await? {
        wrong.push("may tell or hear other events than it should".to_owned());
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let recent = ["3.9.29", "3.10.8", "3.13.7", "4.0.5", "no version"].map(is_recent);
        assert_eq!(recent, [false, true, true, true, false]);
    }

    #[test]
    fn the_date_of_a_reply_is_a_time() {
        let time = "2026-11-24T13:15:45Z".parse().ok();
        assert_eq!(http_date("Tue, 24 Nov 2026 13:15:45 GMT"), time);
        assert_eq!(http_date("today"), None);
    }
}
