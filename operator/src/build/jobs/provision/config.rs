//! What `shopctl` is told.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::build::access::{self, ADMIN_URI, key_of};
use crate::build::addresses::{self, RABBITMQ, RABBITMQ_MANAGEMENT_PORT};
use crate::build::back_ends::{
    MONGODB_ROOT_USER, POSTGRES_ROOT_USER, RABBITMQ_ROOT_USER, superuser_secret,
};
use crate::build::credentials::{
    self, BROKER_PASSWORD, MONGODB_ROOT, PASSWORD, POSTGRES_ROOT, RABBITMQ_ROOT, STORE_PASSWORD,
};
use crate::platform::{ExtraService, Platform, Postgres, RabbitMq, Role, Workload};
use crate::resource::{Need, SecretKeyRef};

/// Where the files of Secrets are.
pub(super) const FOLDER: &str = "/etc/shop/secrets";
/// The key of a Secret that says where RabbitMQ's management API is.
const MANAGEMENT_URI: &str = "managementUri";

/// Settings, and files that variables name.
#[derive(Debug, Default)]
pub(super) struct Config {
    settings: Map<String, Value>,
    /// Paths of files by the variable that names them.
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, SecretKeyRef>,
    has_replica_set: bool,
}

impl Config {
    /// Of a platform; none if there is no server to provision.
    pub(super) fn of(platform: &Platform) -> Option<Self> {
        let mut config = Self::default();
        for need in [Need::Mongodb, Need::Postgres, Need::Rabbitmq] {
            if is_provisioned(platform, need) {
                config.server(platform, need);
            }
        }
        if config.files.is_empty() {
            return None;
        }
        let (mut services, mut extra) = (Map::new(), Map::new());
        for workload in &platform.workloads {
            let name = workload.component.to_string();
            match &workload.role {
                Role::Gateway => {}
                Role::Core(_) => {
                    let settings = config.tenant(platform, workload, "SERVICES");
                    services.insert(name, settings);
                }
                Role::Extra(service) => {
                    let settings = config.extra(platform, workload, service);
                    extra.extend(settings.map(|settings| (name, settings)));
                }
            }
        }
        config.set("services", services.into());
        if !extra.is_empty() {
            config.set("extra", extra.into());
        }
        Some(config)
    }

    pub(super) fn settings(&self) -> Value {
        Value::Object(self.settings.clone())
    }

    /// Each with the path of a file.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, String)> {
        let variables = self.variables.iter();
        variables.map(|(name, path)| (name.as_str(), format!("{FOLDER}/{path}")))
    }

    /// Paths below [`FOLDER`].
    pub(super) fn files(&self) -> &BTreeMap<String, SecretKeyRef> {
        &self.files
    }

    /// Whether there is a replica set of ours, which nobody else initiates.
    pub(super) fn has_replica_set(&self) -> bool {
        self.has_replica_set
    }

    fn set(&mut self, name: &str, value: Value) {
        self.settings.insert(name.to_owned(), value);
    }

    /// A variable that names a file.
    fn file(&mut self, variable: &str, path: &str, secret: SecretKeyRef) {
        self.variables.insert(variable.to_owned(), path.to_owned());
        self.files.insert(path.to_owned(), secret);
    }

    /// A server, as its administrator.
    fn server(&mut self, platform: &Platform, need: Need) {
        let name = match need {
            Need::Mongodb => "mongodb",
            Need::Postgres => "postgres",
            Need::Rabbitmq => "broker",
        };
        let section = format!("SHOP__{}", name.to_uppercase());
        let mut settings = Map::new();
        if let Some(external) = access::external(platform, need) {
            let variable = format!("{section}__URL_FILE");
            self.file(
                &variable,
                &format!("{name}/url"),
                key_of(external, ADMIN_URI),
            );
            if need == Need::Rabbitmq {
                let api = key_of(external, MANAGEMENT_URI);
                self.file("SHOP__BROKER_API__URL_FILE", "broker/api-url", api);
            }
        } else {
            let Root { url, user, secret } = root(platform, need);
            settings.insert("url".to_owned(), url.into());
            settings.insert("username".to_owned(), user.into());
            let variable = format!("{section}__PASSWORD_FILE");
            self.file(&variable, &format!("{name}/password"), secret);
        }
        if let Some(authority) = access::authority(platform, need) {
            let path = format!("{name}/ca.crt");
            let file = format!("{FOLDER}/{path}");
            settings.insert("tls".to_owned(), json!({"ca_file": file}));
            self.files.insert(path, authority);
        }
        if !settings.is_empty() {
            self.set(name, settings.into());
        }
        if let (Need::Rabbitmq, RabbitMq::Managed(managed)) = (need, &platform.rabbitmq) {
            let host = addresses::server(&platform.owner, RABBITMQ);
            let url = format!("http://{host}:{RABBITMQ_MANAGEMENT_PORT}");
            self.set("broker_api", json!({"url": url, "nodes": managed.members}));
        }
        self.has_replica_set |= need == Need::Mongodb && access::mongodb(platform).is_none();
    }

    /// What a service has on the servers: its database is called after it, and its user after the generation of its passwords.
    fn tenant(&mut self, platform: &Platform, workload: &Workload, group: &str) -> Value {
        let name = workload.component.as_str();
        let access = |need| access::of(platform, workload, need).provisioned;
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            workload.needs().into_iter().partition(|need| access(*need));
        let mut settings = Map::new();
        if !here.is_empty() {
            let user = credentials::current_username(platform, workload);
            settings.insert("username".to_owned(), user.into());
            if platform.lock_previous && platform.credentials > 1 {
                let before = platform.credentials.saturating_sub(1);
                let user = credentials::username(&workload.component, before);
                settings.insert("retired".to_owned(), json!([user]));
            }
        }
        let section = format!("SHOP__{group}__{}", name.to_uppercase());
        let passwords = credentials::current_passwords(platform, workload);
        let mut password = |variable: &str, key: &str| {
            let secret = SecretKeyRef {
                name: passwords.clone(),
                key: key.to_owned(),
            };
            let variable = format!("{section}__{variable}_FILE");
            self.file(&variable, &format!("{name}/{key}"), secret);
        };
        if here.iter().any(|need| *need != Need::Rabbitmq) {
            password("PASSWORD", STORE_PASSWORD);
        }
        if here.contains(&Need::Rabbitmq) {
            password("BROKER_PASSWORD", BROKER_PASSWORD);
        }
        if !elsewhere.is_empty() {
            settings.insert("elsewhere".to_owned(), json!(elsewhere));
        }
        settings.into()
    }

    /// What a service that people add has; none if it has nothing on the servers that are provisioned.
    fn extra(
        &mut self,
        platform: &Platform,
        workload: &Workload,
        service: &ExtraService,
    ) -> Option<Value> {
        let mut settings = self.tenant(platform, workload, "EXTRA");
        let fields = settings.as_object_mut()?;
        fields.remove("elsewhere");
        let needs = service.needs.iter();
        let needs: Vec<_> = needs
            .filter(|need| access::of(platform, workload, **need).provisioned)
            .collect();
        if needs.is_empty() {
            return None;
        }
        fields.insert("needs".to_owned(), json!(needs));
        for (field, list) in [("tells", &service.tells), ("hears", &service.hears)] {
            if !list.is_empty() {
                fields.insert(field.to_owned(), json!(list));
            }
        }
        Some(settings)
    }
}

/// The administrator of a server that the operator runs, or that it has run.
struct Root {
    url: String,
    user: &'static str,
    secret: SecretKeyRef,
}

fn root(platform: &Platform, need: Need) -> Root {
    let owner = &platform.owner;
    let (url, user, secret) = match need {
        Need::Mongodb => (
            addresses::mongodb(platform, "admin"),
            MONGODB_ROOT_USER,
            owner.child(MONGODB_ROOT),
        ),
        Need::Postgres => (
            addresses::postgres(platform, "postgres"),
            POSTGRES_ROOT_USER,
            match platform.postgres {
                Postgres::CloudNativePg(_) => superuser_secret(owner),
                Postgres::Managed(_) | Postgres::External(_) => owner.child(POSTGRES_ROOT),
            },
        ),
        Need::Rabbitmq => (
            addresses::broker(platform),
            RABBITMQ_ROOT_USER,
            owner.child(RABBITMQ_ROOT),
        ),
    };
    Root {
        url: url.unwrap_or_default(),
        user,
        secret: SecretKeyRef {
            name: secret,
            key: PASSWORD.to_owned(),
        },
    }
}

/// Whether a server is provisioned: ours are, and those of others if we are told how.
fn is_provisioned(platform: &Platform, need: Need) -> bool {
    access::external(platform, need).is_none_or(access::is_administered)
}
