//! Names on servers: short enough for all of them, and nobody's twice.

use std::collections::BTreeSet;

use contracts::{EventType, Producer};

use super::tenant::Tenant;
use crate::error::Error;

/// PostgreSQL cuts names of more than 63 bytes off, and ours get endings.
const LONGEST: usize = 50;

/// A name of a user, a database or a service.
pub(super) fn checked(what: &str, name: &str) -> Result<String, Error> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if first && rest && name.len() <= LONGEST && !name.starts_with("pg_") {
        return Ok(name.to_owned());
    }
    Err(Error::Usage(format!(
        "{what} is `{name}`, which is no name: use at most {LONGEST} small letters, digits, `-` and `_`, a letter first"
    )))
}

/// The first word of the types of an extra service's events.
pub(super) fn checked_family(service: &str, family: &str) -> Result<String, Error> {
    let family = checked(&format!("extra.{service}.tells"), family)?;
    let owner = EventType::ALL.iter().find_map(|event_type| {
        let word = event_type.as_str().split('.').next();
        (word == Some(&family)).then(|| event_type.producer().as_str())
    });
    let owner = owner.or_else(|| (family == "payment").then_some(Producer::Order.as_str()));
    match owner {
        None => Ok(family),
        Some(owner) => Err(Error::Usage(format!(
            "extra.{service}.tells names `{family}`, whose events are told by {owner}; choose another word"
        ))),
    }
}

/// A type of event.
pub(super) fn checked_type(service: &str, event_type: &str) -> Result<String, Error> {
    let parts: Vec<_> = event_type.split('.').collect();
    let is_word = |part: &&str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        !part.is_empty() && part.bytes().all(allowed)
    };
    if parts.len() >= 3 && parts.iter().all(is_word) {
        return Ok(event_type.to_owned());
    }
    Err(Error::Usage(format!(
        "extra.{service}.hears names `{event_type}`, which is no type of event such as order.delivered.v1"
    )))
}

/// Refuses what would let one service at another's data.
pub(super) fn check_apart(tenants: &[Tenant]) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    let mut databases = BTreeSet::new();
    let mut users = BTreeSet::new();
    let mut families = BTreeSet::new();
    for tenant in tenants {
        let service = &tenant.name;
        let twice = |what: &str, name: &str| {
            Err(Error::Usage(format!(
                "{service} and another service have the same {what} `{name}`; give each its own"
            )))
        };
        if !names.insert(service) {
            return twice("name", service);
        }
        if !databases.insert(&tenant.database) {
            return twice("database", &tenant.database);
        }
        for login in tenant.logins() {
            if !users.insert(&login.name) {
                return twice("user", &login.name);
            }
        }
        for family in &tenant.families {
            if !families.insert(family) {
                return twice("word in `tells`", family);
            }
        }
    }
    for tenant in tenants {
        if let Some(name) = tenant.retired.iter().find(|name| users.contains(name)) {
            return Err(Error::Usage(format!(
                "{}.retired names `{name}`, which is a user that is needed; leave it out",
                tenant.setting()
            )));
        }
    }
    Ok(())
}
