//! What the Secret of a server that others run has to hold.
//!
//! * `<service>.uri`: where this service has its database (or virtual host), with user and password;
//! * `uri`: for all services that have none of their own; each has a database of its name there;
//! * `adminUri`: with it, databases and users are made for those services; RabbitMQ's needs `managementUri` besides.

use std::collections::BTreeSet;

use super::{Parsing, Reason, secrets};
use crate::dereference::SecretContent;
use crate::platform::{CoreService, External};
use crate::resource::{Need, SecretRef, ShopPlatformSpec};

/// The field of a server.
pub(super) const fn field(need: Need) -> &'static str {
    match need {
        Need::Mongodb => "mongodb",
        Need::Postgres => "postgres",
        Need::Rabbitmq => "rabbitmq",
    }
}

const fn schemes(need: Need) -> &'static [&'static str] {
    match need {
        Need::Mongodb => &["mongodb", "mongodb+srv"],
        Need::Postgres => &["postgres", "postgresql"],
        Need::Rabbitmq => &["amqp", "amqps"],
    }
}

/// What the Secret says, if it says enough.
pub(super) fn of(parsing: &mut Parsing<'_>, need: Need, secret: &SecretRef) -> Option<External> {
    let field = format!("{}.external.secretRef", field(need));
    let content = secrets::expect(parsing, &field, &secret.name)?;
    let mut room = Room {
        parsing,
        field,
        secret: &secret.name,
        content,
        ports: BTreeSet::new(),
    };
    room.check(need);
    Some(External {
        secret: secret.name.clone(),
        keys: content.keys.clone(),
        ports: room.ports,
        content_hash: content.hash.clone(),
    })
}

/// The services that use a server, sorted.
fn users(spec: &ShopPlatformSpec, need: Need) -> BTreeSet<&str> {
    let core = CoreService::ALL.into_iter();
    let core = core.filter(|service| need == Need::Rabbitmq || service.store() == need);
    let extra = spec
        .services
        .extra
        .iter()
        .filter(|extra| extra.needs.contains(&need));
    let mut users: BTreeSet<&str> = core.map(CoreService::name).collect();
    users.extend(extra.map(|extra| extra.name.as_str()));
    users
}

struct Room<'p, 'a> {
    parsing: &'p mut Parsing<'a>,
    field: String,
    secret: &'p str,
    content: &'a SecretContent,
    ports: BTreeSet<i32>,
}

impl<'a> Room<'_, 'a> {
    fn check(&mut self, need: Need) {
        let users = users(self.parsing.spec, need);
        let has_own = |user: &&str| self.content.keys.contains(&format!("{user}.uri"));
        let (own, sharing): (Vec<_>, Vec<_>) = users.into_iter().partition(has_own);
        for user in own {
            self.expect_database(&format!("{user}.uri"), need);
        }
        if sharing.is_empty() {
            return;
        }
        let shared = self.content.keys.contains("uri");
        let (field, secret) = (&self.field, self.secret);
        self.parsing
            .findings
            .expect(shared, Reason::SecretKeyMissing, || {
                let wanted: Vec<_> = sharing.iter().map(|user| format!("`{user}.uri`")).collect();
                format!(
                    "{field}: the Secret `{secret}` has no key `uri`: add it, or {}",
                    wanted.join(" and ")
                )
            });
        if shared {
            self.expect_address("uri", schemes(need));
        }
        if self.content.keys.contains("adminUri") {
            self.expect_address("adminUri", schemes(need));
            if need == Need::Rabbitmq {
                self.expect_management();
            }
        }
    }

    /// Users of a broker are made by its management API.
    fn expect_management(&mut self) {
        let there = self.content.keys.contains("managementUri");
        let (field, secret) = (&self.field, self.secret);
        self.parsing.findings.expect(there, Reason::SecretKeyMissing, || {
            format!(
                "{field}: the Secret `{secret}` has `adminUri` and no key `managementUri`: add it, such as \
                 http://rabbitmq:15672, for users are made there; or remove `adminUri`"
            )
        });
        if there {
            self.expect_address("managementUri", &["http", "https"]);
        }
    }

    /// An own URI names the service's database; a broker has a virtual host that is called `/`.
    fn expect_database(&mut self, key: &str, need: Need) {
        let path = self.expect_address(key, schemes(need));
        let is_named = need == Need::Rabbitmq || path.is_none_or(|path| !path.is_empty());
        let (field, secret) = (&self.field, self.secret);
        self.parsing.findings.expect(is_named, Reason::SecretInvalid, || {
            format!("{field}: the key `{key}` of the Secret `{secret}` names no database: add it after a slash")
        });
    }

    /// What stands after the slash of a key's URI, if that can be used.
    fn expect_address(&mut self, key: &str, schemes: &[&str]) -> Option<&'a str> {
        let address = secrets::expect_address(
            self.parsing,
            &self.field,
            self.secret,
            key,
            self.content,
            schemes,
        )?;
        self.ports
            .extend(address.ports().into_iter().map(i32::from));
        Some(&address.path)
    }
}
