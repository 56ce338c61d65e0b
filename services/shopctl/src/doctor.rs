//! Looks at everything a platform depends on, and says of each in one line what is wrong and what to do. Changes nothing.

mod check;
mod mongo;
mod postgres;
mod rabbit;
mod stores;

use std::path::Path;
use std::time::Duration;

pub use self::check::{Check, Findings, Verdict};
use crate::error::Error;
use crate::settings::Settings;

/// How much a server's clock may differ from this machine's before somebody should look.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// Looks at everything that the settings name; `data` is the folder of a shop in one process.
pub async fn examine(settings: &Settings, data: Option<&Path>) -> Result<Findings, Error> {
    let tenants = settings.tenants()?;
    let mut findings = Findings::default();
    if !settings.mongodb.url.is_empty() {
        mongo::examine(settings, &tenants, &mut findings).await;
    }
    if !settings.postgres.url.is_empty() {
        postgres::examine(settings, &tenants, &mut findings).await;
    }
    if !settings.broker.url.is_empty() {
        rabbit::examine(settings, &tenants, &mut findings).await;
    }
    stores::examine(settings, data, &mut findings).await;
    if findings.checks().is_empty() {
        return Err(Error::Usage(
            "nothing is named that could be looked at: set mongodb.url, postgres.url and broker.url in a file for --config, \
             or --data to the folder of a shop"
                .to_owned(),
        ));
    }
    Ok(findings)
}
