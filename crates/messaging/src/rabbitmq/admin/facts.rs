//! What the management API tells of what is there.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use service_kit::settings::Secret;
use sha2::{Digest as _, Sha256};

use super::{Admin, AdminError};
use crate::rabbitmq::permissions::{Permissions, TopicPermissions};

/// How RabbitMQ hashes passwords unless it is told otherwise.
const SHA256: &str = "rabbit_password_hashing_sha256";
/// The salt before a password's hash, in bytes.
const SALT: usize = 4;

/// A user.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct UserInfo {
    /// Its name.
    pub name: String,
    #[serde(default)]
    password_hash: String,
    #[serde(default)]
    hashing_algorithm: String,
}

impl UserInfo {
    /// Whether this is the user's password; none if that cannot be told from the hash.
    #[must_use]
    pub fn has_password(&self, password: &Secret) -> Option<bool> {
        if self.password_hash.is_empty() {
            return Some(false);
        }
        if self.hashing_algorithm != SHA256 {
            return None;
        }
        let stored = STANDARD.decode(&self.password_hash).ok()?;
        let (salt, hash) = stored.split_at_checked(SALT)?;
        let salted = Sha256::new().chain_update(salt);
        let expected = salted.chain_update(password.expose()).finalize();
        Some(expected.as_slice() == hash)
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NodeInfo {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    #[serde(default)]
    pub running: bool,
    /// It is short of memory and takes no messages.
    #[serde(default)]
    pub mem_alarm: bool,
    /// It is short of disk and takes no messages.
    #[serde(default)]
    pub disk_free_alarm: bool,
}

#[derive(Deserialize)]
struct Granted {
    configure: String,
    write: String,
    read: String,
}

#[derive(Deserialize)]
struct TopicGranted {
    exchange: String,
    write: String,
    read: String,
}

#[derive(Deserialize)]
struct BindingInfo {
    routing_key: String,
}

impl Admin {
    /// A user; none if there is none.
    pub async fn user(&self, user: &str) -> Result<Option<UserInfo>, AdminError> {
        self.find("tell of a user", &["users", user]).await
    }

    /// Whether there is such a vhost.
    pub async fn has_vhost(&self, vhost: &str) -> Result<bool, AdminError> {
        let path = ["vhosts", vhost];
        let found = self.find::<serde_json::Value>("tell of a vhost", &path);
        Ok(found.await?.is_some())
    }

    /// Whether there is such an exchange.
    pub async fn has_exchange(&self, vhost: &str, exchange: &str) -> Result<bool, AdminError> {
        let path = ["exchanges", vhost, exchange];
        let found = self.find::<serde_json::Value>("tell of an exchange", &path);
        Ok(found.await?.is_some())
    }

    /// The keys under which an exchange's messages reach a queue.
    pub async fn bindings(
        &self,
        vhost: &str,
        exchange: &str,
        queue: &str,
    ) -> Result<BTreeSet<String>, AdminError> {
        let path = ["bindings", vhost, "e", exchange, "q", queue];
        let found: Option<Vec<BindingInfo>> = self.find("tell of bindings", &path).await?;
        let keys = found.unwrap_or_default().into_iter();
        Ok(keys.map(|binding| binding.routing_key).collect())
    }

    /// What a user may make, write to and read from in a vhost; none if nothing.
    pub async fn permissions(
        &self,
        vhost: &str,
        user: &str,
    ) -> Result<Option<Permissions>, AdminError> {
        let found: Option<Granted> = self
            .find("tell of permissions", &["permissions", vhost, user])
            .await?;
        Ok(found.map(|granted| Permissions {
            configure: granted.configure,
            write: granted.write,
            read: granted.read,
        }))
    }

    /// Whether these are a user's topic permissions on the exchange of all events.
    pub async fn has_topic_permissions(
        &self,
        vhost: &str,
        user: &str,
        wanted: &TopicPermissions,
    ) -> Result<bool, AdminError> {
        let path = ["topic-permissions", vhost, user];
        let found: Option<Vec<TopicGranted>> = self.find("tell of permissions", &path).await?;
        Ok(found.unwrap_or_default().iter().any(|granted| {
            granted.exchange == wanted.exchange
                && granted.write == wanted.write
                && granted.read == wanted.read
        }))
    }

    /// Sets what a user may do in a vhost.
    pub async fn grant(
        &self,
        vhost: &str,
        user: &str,
        permissions: &Permissions,
        topics: &TopicPermissions,
    ) -> Result<(), AdminError> {
        let what = format!("let user `{user}` work in vhost `{vhost}`");
        // First the narrower ones: without any, a user may tell every event on an exchange it may write to.
        let path = ["topic-permissions", vhost, user];
        self.put(&what, &path, topics).await?;
        self.put(&what, &["permissions", vhost, user], permissions)
            .await
    }

    /// The nodes of the cluster.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, AdminError> {
        self.get("tell of its nodes", &["nodes"]).await
    }

    /// What time it is on the server, to the second, as HTTP writes it.
    pub async fn date(&self) -> Result<Option<String>, AdminError> {
        let reply = self
            .send("tell its version", Method::GET, &["overview"], None::<&()>)
            .await?;
        let date = reply.headers().get(http::header::DATE);
        Ok(date.and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    async fn find<T: DeserializeOwned>(
        &self,
        what: &str,
        path: &[&str],
    ) -> Result<Option<T>, AdminError> {
        match self.get(what, path).await {
            Ok(found) => Ok(Some(found)),
            Err(AdminError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash() {
        // The example of RabbitMQ's documentation on passwords.
        let user = |algorithm: &str| UserInfo {
            name: "order".to_owned(),
            password_hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR".to_owned(),
            hashing_algorithm: algorithm.to_owned(),
        };
        let (right, wrong) = (Secret::from("test12"), Secret::from("test13"));
        assert_eq!(user(SHA256).has_password(&right), Some(true));
        assert_eq!(user(SHA256).has_password(&wrong), Some(false));
        assert_eq!(user("another").has_password(&right), None);
    }
}
