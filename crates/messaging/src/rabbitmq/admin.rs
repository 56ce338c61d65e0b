//! What an administrator does by RabbitMQ's management API: vhosts, users, permissions. Everything may be done again.

mod facts;

use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::Url;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use service_kit::client::http_client;
use service_kit::settings::Secret;

pub use self::facts::{NodeInfo, UserInfo};
use super::permissions::{permissions, topic_permissions};

/// How long one answer may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// Why the management API did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is malformed. It is not repeated: it may hold a password.
    #[error(
        "the address of RabbitMQ's management API is not of the form http://user:password@host:15672"
    )]
    Url,
    /// It does not answer.
    #[error(
        "RabbitMQ's management API at {place} does not answer; is the plugin rabbitmq_management enabled?"
    )]
    Away {
        /// Host and port.
        place: String,
        /// What was said.
        #[source]
        source: reqwest::Error,
    },
    /// The user or the password is wrong, or the user is no administrator.
    #[error(
        "RabbitMQ's management API at {place} refuses user `{user}`: wrong password, or no administrator"
    )]
    Unauthorized {
        /// Host and port.
        place: String,
        /// The user.
        user: String,
    },
    /// It refuses something else.
    #[error("RabbitMQ's management API at {place} refuses to {what}: {status} {said}")]
    Refused {
        /// Host and port.
        place: String,
        /// What it was asked to do.
        what: String,
        /// Its status.
        status: StatusCode,
        /// Its words.
        said: String,
    },
}

/// A queue as the API tells of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct QueueInfo {
    /// Its name.
    pub name: String,
    /// `quorum` or `classic`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Messages in it, in hand or not. The API counts every few seconds.
    #[serde(default)]
    pub messages: u64,
    /// What it was declared with.
    pub arguments: serde_json::Value,
}

/// Who the API says it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// RabbitMQ's version.
    pub rabbitmq_version: String,
    /// The name of its cluster.
    pub cluster_name: String,
}

/// A client of the management API.
#[derive(Clone, Debug)]
pub struct Admin {
    client: reqwest::Client,
    base: Url,
    user: String,
    password: Secret,
}

impl Admin {
    /// At `http://[user[:password]@]host:15672`, as `user` with `password` unless they are empty.
    pub fn new(url: &str, user: &str, password: &Secret) -> Result<Self, AdminError> {
        let mut base: Url = url.parse().map_err(|_| AdminError::Url)?;
        let decoded = |text: &str| {
            let text = format!("text={text}").replace('+', "%2B");
            let pairs = format!("http://host/?{text}").parse::<Url>().ok()?;
            let (_, value) = pairs.query_pairs().next()?;
            Some(value.into_owned())
        };
        let user = Some(user.to_owned()).filter(|user| !user.is_empty());
        let user = user
            .or_else(|| decoded(base.username()))
            .unwrap_or_default();
        let password = if password.is_empty() {
            let text = base.password().and_then(decoded).unwrap_or_default();
            Secret::from(text.as_str())
        } else {
            password.clone()
        };
        let stripped = base.set_username("").and_then(|()| base.set_password(None));
        if stripped.is_err() || base.cannot_be_a_base() {
            return Err(AdminError::Url);
        }
        let place = place(&base);
        let client = http_client(url, DEADLINE);
        let client = client.map_err(|source| AdminError::Away { place, source })?;
        Ok(Self {
            client,
            base,
            user,
            password,
        })
    }

    /// Which broker it is; also the cheapest way to learn whether it answers and lets this user in.
    pub async fn overview(&self) -> Result<Overview, AdminError> {
        self.get("tell its version", &["overview"]).await
    }

    /// Makes a vhost.
    pub async fn make_vhost(&self, vhost: &str) -> Result<(), AdminError> {
        let what = format!("make vhost `{vhost}`");
        self.put(&what, &["vhosts", vhost], &json!({})).await
    }

    /// Deletes a vhost with everything in it; nothing happens if there is none.
    pub async fn delete_vhost(&self, vhost: &str) -> Result<(), AdminError> {
        self.delete(&format!("delete vhost `{vhost}`"), &["vhosts", vhost])
            .await
    }

    /// Makes a user, or sets its password.
    pub async fn make_user(&self, user: &str, password: &Secret) -> Result<(), AdminError> {
        let body = json!({"password": password.expose(), "tags": ""});
        self.put(&format!("make user `{user}`"), &["users", user], &body)
            .await
    }

    /// Deletes a user; nothing happens if there is none.
    pub async fn delete_user(&self, user: &str) -> Result<(), AdminError> {
        self.delete(&format!("delete user `{user}`"), &["users", user])
            .await
    }

    /// Lets a user do everything in a vhost: for an administrator.
    pub async fn grant_all(&self, vhost: &str, user: &str) -> Result<(), AdminError> {
        let body = json!({"configure": ".*", "write": ".*", "read": ".*"});
        let what = format!("let user `{user}` work in vhost `{vhost}`");
        self.put(&what, &["permissions", vhost, user], &body).await
    }

    /// Lets a user do the work of one service in a vhost, and no more.
    pub async fn grant_service(
        &self,
        vhost: &str,
        user: &str,
        service: &str,
    ) -> Result<(), AdminError> {
        let what = format!("let user `{user}` work in vhost `{vhost}`");
        // First the narrower ones: without any, a user may tell every event on an exchange it may write to.
        let topics = ["topic-permissions", vhost, user];
        self.put(&what, &topics, &topic_permissions(service))
            .await?;
        let names = ["permissions", vhost, user];
        self.put(&what, &names, &permissions(service)).await
    }

    /// A queue; none if it does not exist.
    pub async fn queue(&self, vhost: &str, queue: &str) -> Result<Option<QueueInfo>, AdminError> {
        match self.get("tell of a queue", &["queues", vhost, queue]).await {
            Ok(queue) => Ok(Some(queue)),
            Err(AdminError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a queue with what is in it; nothing happens if there is none.
    pub async fn delete_queue(&self, vhost: &str, queue: &str) -> Result<(), AdminError> {
        let what = format!("delete queue `{queue}`");
        self.delete(&what, &["queues", vhost, queue]).await
    }

    /// Deletes an exchange; nothing happens if there is none.
    pub async fn delete_exchange(&self, vhost: &str, exchange: &str) -> Result<(), AdminError> {
        let what = format!("delete exchange `{exchange}`");
        self.delete(&what, &["exchanges", vhost, exchange]).await
    }

    async fn get<T: DeserializeOwned>(&self, what: &str, path: &[&str]) -> Result<T, AdminError> {
        let reply = self.send(what, Method::GET, path, None::<&()>).await?;
        reply.json().await.map_err(|source| self.away(source))
    }

    async fn put(
        &self,
        what: &str,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<(), AdminError> {
        self.send(what, Method::PUT, path, Some(body)).await?;
        Ok(())
    }

    async fn delete(&self, what: &str, path: &[&str]) -> Result<(), AdminError> {
        match self.send(what, Method::DELETE, path, None::<&()>).await {
            Err(AdminError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => Ok(()),
            result => result.map(|_| ()),
        }
    }

    async fn send(
        &self,
        what: &str,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
    ) -> Result<reqwest::Response, AdminError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| AdminError::Url)?
            .pop_if_empty()
            .push("api")
            .extend(path);
        let request = self.client.request(method, url);
        let mut request = request.basic_auth(&self.user, Some(self.password.expose()));
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await.map_err(|source| self.away(source))?;
        match reply.status() {
            status if status.is_success() => Ok(reply),
            StatusCode::UNAUTHORIZED => Err(AdminError::Unauthorized {
                place: place(&self.base),
                user: self.user.clone(),
            }),
            status => Err(AdminError::Refused {
                place: place(&self.base),
                what: what.to_owned(),
                status,
                said: reply.text().await.unwrap_or_default(),
            }),
        }
    }

    fn away(&self, source: reqwest::Error) -> AdminError {
        AdminError::Away {
            place: place(&self.base),
            source: source.without_url(),
        }
    }
}

fn place(base: &Url) -> String {
    let port = base.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", base.host_str().unwrap_or_default())
}
