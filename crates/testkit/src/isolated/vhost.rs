//! A virtual host of RabbitMQ of one's own.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::{at_the_end, named};
use crate::runner;

/// An empty virtual host in which the administrator may do everything.
pub struct Vhost {
    name: String,
    url: String,
    api: String,
}

/// Makes an empty virtual host.
pub async fn vhost() -> Result<Vhost> {
    let amqp = named::server(runner::AMQP)?;
    let api = named::server(runner::RABBITMQ_API)?;
    let name = named::name();
    let user = Url::parse(&amqp)
        .with_context(|| format!("{} is no URL", runner::AMQP))?
        .username()
        .to_owned();
    let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
    call(&api, Method::PUT, &format!("vhosts/{name}"), &json!({})).await?;
    let permissions = format!("permissions/{name}/{user}");
    call(&api, Method::PUT, &permissions, &everything).await?;
    Ok(Vhost {
        url: named::with_path(&amqp, &name),
        name,
        api,
    })
}

impl Vhost {
    /// Where it is, as administrator.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The management API of its server, with the administrator's name and password, without `/api`.
    #[must_use]
    pub fn api_url(&self) -> &str {
        &self.api
    }

    /// Its name, which no other has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let api = self.api.clone();
        let path = format!("vhosts/{}", self.name);
        at_the_end::remove(&self.url, async move {
            // Connections of services that still run are closed.
            call(&api, Method::DELETE, &path, &json!({})).await
        });
    }
}

async fn call(api: &str, method: Method, path: &str, body: &Value) -> Result<()> {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(15))
        .build()?;
    let reply = http
        .request(method.clone(), format!("{api}/api/{path}"))
        .json(body)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("{} does not answer", runner::RABBITMQ_API))?;
    if !reply.status().is_success() {
        bail!(
            "{method} {path}: {} {}",
            reply.status(),
            reply.text().await?
        );
    }
    Ok(())
}
