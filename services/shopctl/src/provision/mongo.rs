//! MongoDB: a database for each service, and users in it who see no other.

mod replica_set;
mod users;

use mongo_store::Administrator;
use mongo_store::mongodb::Client;
use service_kit::settings::StoreSettings;
use store_kit::OpenError;

use super::journal::{Journal, Stopped};
use crate::servers;
use crate::settings::{Settings, Tenant};

/// In the journal.
pub(super) const SERVER: &str = "mongodb";
/// The role that migrating needs beside `readWrite`: to change the validators of collections.
pub(crate) const MIGRATES: &str = "shopMigrate";

/// The administrator; of the database `admin` if the URL names none.
pub(crate) async fn administrator(server: &StoreSettings) -> Result<Administrator, OpenError> {
    Administrator::new(&servers::with_usual_database(server, "admin")).await
}

/// Ends a client without waiting for its background work.
pub(crate) async fn close(client: Client) {
    client.shutdown().immediate(true).await;
}

pub(super) async fn provision(
    settings: &Settings,
    tenants: &[Tenant],
    initiate: bool,
    journal: &mut Journal,
) -> Result<(), Stopped> {
    let admin = administrator(&settings.mongodb).await;
    let admin = journal.looked(SERVER, "the settings are understood", admin)?;
    replica_set::provision(&admin, initiate, journal).await?;
    let client = journal.looked(SERVER, "the administrator is let in", admin.client())?;
    for tenant in tenants.iter().filter(|tenant| tenant.on_mongodb) {
        // What stops one tenant is told; the others are made all the same.
        let _ = users::provision(&client, &settings.mongodb, tenant, journal).await;
    }
    close(client).await;
    Ok(())
}
