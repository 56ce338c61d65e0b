//! The broker as an administrator makes it in production: each service comes as a user of its own, that can do its work and no
//! more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::Url;
use tokio::process::Command;

use super::Service;
use super::back_ends::BackEnds;

/// Of all services: they are on a server that is thrown away.
const PASSWORD: &str = "throw-away";
/// How long it may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// How `shopctl provision` is run on the broker.
pub(super) struct Provisioning {
    shopctl: PathBuf,
    environment: Vec<(String, String)>,
    /// As administrator.
    broker: Url,
}

impl Provisioning {
    /// `shopctl` is in the folder `programs`.
    pub(super) fn new(programs: &Path, back_ends: &BackEnds) -> Result<Self> {
        let broker = &back_ends.urls.broker;
        let mut environment = vec![
            ("BROKER_URL".to_owned(), broker.clone()),
            (
                "SHOP__BROKER_API__URL".to_owned(),
                back_ends.api_url.clone(),
            ),
        ];
        environment.extend(Service::BEHIND.map(|service| {
            let name = service.as_str().to_uppercase();
            let password = format!("SHOP__SERVICES__{name}__PASSWORD");
            (password, PASSWORD.to_owned())
        }));
        Ok(Self {
            shopctl: programs.join("shopctl"),
            environment,
            broker: Url::parse(broker)?,
        })
    }

    /// Makes what is missing.
    pub(super) async fn run(&self) -> Result<()> {
        let output = Command::new(&self.shopctl)
            .arg("provision")
            .env_clear()
            .envs(self.environment.iter().cloned())
            .kill_on_drop(true)
            .output();
        let done = tokio::time::timeout(PATIENCE, output)
            .await
            .context("`shopctl provision` does not end")?
            .with_context(|| format!("cannot start {}", self.shopctl.display()))?;
        if !done.status.success() {
            let said = [done.stdout, done.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            bail!("`shopctl provision` ended with {}:\n{said}", done.status);
        }
        Ok(())
    }

    /// The broker, as the user of a service.
    pub(super) fn broker_of(&self, service: Service) -> Result<String> {
        let mut url = self.broker.clone();
        url.set_username(service.as_str())
            .and_then(|()| url.set_password(Some(PASSWORD)))
            .map_err(|()| anyhow!("a broker's URL without a host"))?;
        Ok(url.into())
    }
}
